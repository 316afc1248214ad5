"""What an address holds is shown on no page and in no answer, whoever asks."""

from __future__ import annotations

from capture.journal import Journal
from tests.capture.web.conftest import Served
from tests.capture.web.test_access import TABLE

SECRET = "s3cretWordOfTheMember"
DOES_NOT_END = "/log/stream"


def test_no_page_and_no_answer_shows_a_member_s_address_or_a_password_in_the_log(served: Served) -> None:
    catalogue = served.desk.archive.catalogue
    address = f"json://ada:{SECRET}@h.invalid/{SECRET}"
    catalogue.accounts.set_address("member", address, ["alarm"])
    catalogue.notices.add("member", "request_ready", "It is ready", "3 frames", served.desk.clock.now())
    journal = Journal(served.desk.clock)
    journal.listen(catalogue.add_entry)
    journal.say("T1", "alarm", f"nobody answers at ftp://obs:{SECRET}@h.invalid", url=f"ftp://obs:{SECRET}@h")
    shown = {}
    for role in ("member", "admin"):
        browser = served.as_(role)
        for method, path in TABLE:
            if method == "GET" and path != DOES_NOT_END:
                where = path.format(number=1, size_px=240, night="2026-11-21", name="member")
                shown[role, where] = browser.get(where).text
    assert [where for where, text in shown.items() if SECRET in text] == []
    assert "nobody answers at ftp://obs:***@h.invalid" in shown["admin", "/log"]
    assert "nobody answers" in shown["admin", "/api/v1/log"]
