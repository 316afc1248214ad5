"""Who comes in by which door: sessions that end, a proxy that signs in, TLS of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from capture.journal import Journal
from capture.web.desk import Desk
from capture.web.server import page_beside, page_served
from tests.capture.cli.command import CONFIG, write_config
from tests.capture.cli.running import running
from tests.capture.library.delivery.servers import certificate
from tests.capture.web.conftest import PASSWORD, Browser, Served
from tests.ports import free_port

ANOTHER = "horse battery staple"


@contextmanager
def another_page(served: Served, **web: Any) -> Iterator[str]:
    """The address of a page over the same library, its `[web]` changed."""
    config = served.desk.config
    assert config.web is not None
    changed = config.model_copy(update={"web": config.web.model_copy(update=web)})
    with page_served(Desk(changed, served.desk.archive), Journal(served.desk.clock)) as address:
        yield address


def who(browser: Browser) -> str | None:
    """The account by which the page knows it."""
    name: str | None = browser.get("/api/v1/me").json()["name"]
    return name


def test_another_password_ends_every_session_and_wants_the_old_one(served: Served) -> None:
    first, second = served.as_("member"), served.as_("member")
    assert first.post("/account/password", old="guessed it", new=ANOTHER).status_code == 403
    assert (who(first), who(second)) == ("member", "member")
    assert first.post("/account/password", old=PASSWORD, new=ANOTHER).headers["location"] == "/sign-in"
    assert (who(first), who(second)) == (None, None)
    for password, status in ((PASSWORD, 401), (ANOTHER, 303)):
        guest = served.visitor()
        form = guest.get("/sign-in")
        guest.cookies = dict(form.cookies)
        guest.csrf = form.text.split('name="csrf" value="')[1].split('"')[0]
        assert guest.post("/sign-in", name="member", password=password).status_code == status


def test_a_session_is_ended_from_another_and_all_of_them_at_once(served: Served) -> None:
    first, second, stranger = served.as_("other"), served.as_("other"), served.as_("operator")
    numbers = [part.split('"')[0] for part in first.get("/account").text.split('name="number" value="')[1:]]
    (newest, oldest, *_) = sorted((int(one) for one in numbers if one.isdigit()), reverse=True)
    stranger.post("/account/revoke", number=str(newest))
    assert who(second) == "other"
    first.post("/account/revoke", number=str(newest))
    assert (who(first), who(second)) == ("other", None)
    assert newest > oldest
    third = served.as_("other")
    first.post("/account/revoke", number="all")
    assert (who(first), who(third), who(stranger)) == (None, None, "operator")


@pytest.mark.parametrize(
    ("proxies", "header", "known"),
    [
        (("127.0.0.1",), "operator", "operator"),
        (("127.0.0.1",), "nobody-of-ours", None),
        (("127.0.0.1",), None, None),
        (("192.0.2.1",), "operator", None),
        ((), "operator", None),
    ],
)
def test_a_name_in_a_header_is_believed_from_the_trusted_address_alone(
    served: Served, proxies: tuple[str, ...], header: str | None, known: str | None
) -> None:
    with another_page(served, proxies=proxies, user_header="x-remote-user") as address:
        named = {} if header is None else {"x_remote_user": header}
        browser = Browser(address, {})
        assert browser.get("/api/v1/me", **named).json()["name"] == known
        assert (browser.get("/log", **named).status_code == 200) == (known is not None)


def test_with_a_certificate_it_speaks_tls_alone_and_cookies_keep_to_it(
    served: Served, tmp_path: Path
) -> None:
    file = certificate(tmp_path)
    with another_page(served, certificate=file, key=file) as address:
        assert address.startswith("https://")
        got = requests.get(f"{address}/sign-in", verify=str(file), timeout=30)
        assert "max-age" in got.headers["strict-transport-security"]
        assert "secure" in got.headers["set-cookie"].lower()
        with pytest.raises(requests.RequestException):
            requests.get(address.replace("https", "http"), timeout=30)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/api/v1/runs", {"rig": "T1", "sequence": "sky_flats", "why": "mine"}),
        ("/api/v1/runs/dry", {"rig": "T1", "sequence": "panel_flats", "why": "mine"}),
        ("/api/v1/orders", {"rig": "T1", "flats": "Ha", "why": "mine"}),
        ("/api/v1/requests", {"rig": "T1", "kind": "flat", "count": 1}),
        ("/api/v1/requests/quote", {"rig": "T1", "kind": "flat", "count": 1}),
        ("/control/run", {"rig": "T1", "sequence": "sky_flats", "do": "start", "why": "mine"}),
        ("/control/order", {"rig": "T1", "flats": "Ha", "why": "mine"}),
        ("/requests", {"rig": "T1", "kind": "flat", "exposure_s": "1", "count": "1", "do": "send"}),
    ],
)
def test_no_address_gives_a_member_flats(served: Served, path: str, sent: dict[str, Any]) -> None:
    served.asked.clear()
    me = served.as_("other")
    before = len(served.desk.archive.catalogue.requests.all())
    got = me.ask("POST", path, json=sent) if "/api/" in path else me.post(path, **sent)
    assert got.status_code in (403, 422), got.text
    assert not served.asked
    assert len(served.desk.archive.catalogue.requests.all()) == before


def test_what_a_member_sees_offers_no_flats(served: Served) -> None:
    me = served.as_("other")
    page = me.get("/requests").text
    assert ">dark</option>" in page
    assert ">flat</option>" not in page
    assert 'href="/control"' not in page
    assert me.get("/control").status_code == 403


def test_the_page_alone_shows_the_library_while_no_service_runs_until_it_is_ended(tmp_path: Path) -> None:
    port = free_port()
    write_config(tmp_path, text=f"{CONFIG}[web]\napart = true\nport = {port}\n")
    with running(tmp_path, "web") as page:
        page.until(lambda: "the page is at" in page.out)
        address = f"http://127.0.0.1:{port}"
        assert requests.get(f"{address}/healthz", timeout=30).json() == {"ok": True, "service": False}
        assert requests.get(f"{address}/library", timeout=30).status_code == 200
        page.signal(signal.SIGTERM)
        status, _ = page.ended()
    assert (status, page.err) == (130, "nightcal: stopped by the operator\n")


def test_a_service_leaves_a_page_apart_to_its_own_process(served: Served) -> None:
    config, journal = served.desk.config, Journal(served.desk.clock)
    assert config.web is not None
    said: list[str] = []
    journal.listen(lambda entry: said.append(entry.text))
    for apart in (True, False):
        there = config.web.model_copy(update={"apart": apart, "port": 0})
        with page_beside(config.model_copy(update={"web": there}), served.desk.archive, journal):
            assert bool(said) is not apart
