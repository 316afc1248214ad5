"""Messages as they arrive, and addresses that hang or refuse."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from capture.errors import NotTold
from capture.notices.apprising import AppriseSender, Message, understood
from tests.capture.notices.sink import Sink, mail_server

PASSWORD = "correct+horse%2Fbattery"


@pytest.fixture
def sink() -> Iterator[Sink]:
    with mail_server() as sink:
        yield sink


def test_a_mail_has_a_text_beside_its_html_and_the_file(sink: Sink, tmp_path: Path) -> None:
    (tmp_path / "2026-11-21.html").write_text("<!doctype html><p>all of it")
    html = "<h2>A night</h2><ul><li>T1: 5 good &lt; 6</li><li>T2: none</li></ul>"
    message = Message("Ridge: a night", html, is_html=True, attachment=tmp_path / "2026-11-21.html")
    AppriseSender().send(sink.url("farm", PASSWORD, "olga@example.org"), message)
    (mail,) = sink.mails
    assert sink.recipients == ["olga@example.org"]
    assert (mail["Subject"], mail["To"]) == ("Ridge: a night", "olga@example.org")
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds == ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/html"]
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert page is not None
    assert "T1: 5 good < 6" in text.get_content()
    assert html in page.get_content()
    (file,) = mail.iter_attachments()
    assert (file.get_filename(), "all of it" in file.get_content()) == ("2026-11-21.html", True)


def test_plain_text_stays_what_it_is_whatever_is_in_it(sink: Sink) -> None:
    body = "T1 <script>alert(1)</script>\n*not bold* & 5 > 4 \\n %s {x}"
    AppriseSender().send(sink.url("farm", PASSWORD, "olga@example.org"), Message("Ridge", body))
    text = sink.mails[0].get_body(("plain",))
    page = sink.mails[0].get_body(("html",))
    assert text is not None
    assert [line for line in body.splitlines() if line not in text.get_content()] == []
    assert page is None or "<script>" not in page.get_content()


def test_a_refusal_is_told_without_the_password(sink: Sink) -> None:
    sink.refusing = f"no such box; you are farm with {PASSWORD}"
    with pytest.raises(NotTold) as refused:
        AppriseSender().send(sink.url("farm", PASSWORD, "olga@example.org"), Message("Ridge", "a test"))
    assert PASSWORD not in str(refused.value)
    assert "correct+horse" not in str(refused.value)
    assert sink.mails == []


def test_an_address_that_hangs_is_left_behind_and_not_asked_twice_at_a_time() -> None:
    sender = AppriseSender(deadline_s=0.1)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"mailto://farm:secret@127.0.0.1:{deaf.getsockname()[1]}?to=olga@example.org&from=a@b.de"
        with pytest.raises(NotTold, match="has not taken the message within"):
            sender.send(url, Message("Ridge", "a test"))
        with pytest.raises(NotTold, match="an earlier message"):
            sender.send(url, Message("Ridge", "a test"))
        deaf.accept()[0].close()


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("tgram://123456789:ABCdefghijkl1234567890ABCDEFGHIJKLMN/1234", True),
        ("mailtos://u:p@h.org?to=a@b.de", True),
        ("ntfys://topic", True),
        ("dbus://", False),
        ("syslog://", False),
        ("file:///etc/passwd", False),
        ("https://example.org", False),
        ("olga@example.org", False),
        ("://", False),
        ("json://[::1", False),
        ("", False),
        ("json://a.invalid\njson://b.invalid", False),
        ("json://a.invalid, json://b.invalid", False),
    ],
)
def test_what_is_an_address(url: str, is_one: bool) -> None:
    assert understood(url) is is_one
