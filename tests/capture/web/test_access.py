"""Every address and role in one table, and what keeps strangers out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fastapi.routing import APIRoute

from capture.errors import NotAllowed
from capture.members.accounts import issue_token, sign_in
from capture.members.roles import Role, Scope
from capture.web.app import application
from capture.web.throttle import MOST_OF_ACCOUNT
from tests.capture.web.conftest import PASSWORD, Served, page_over_library

WHY = {"why": "a test"}
RUN = {"rig": "T1", "sequence": "bias"} | WHY
EVENT = {"rig": "T1", "kind": "camera_removed"} | WHY
ASIDE = {"rig": "T2", "kinds": ["bias"], "since": "2020-01-01T00:00"} | WHY
WANTED = {"rig": "T1", "kind": "dark", "exposure_s": 60, "count": 1}
REFUND = {"account": "member", "points": 1.5} | WHY
VISITOR, MEMBER, OPERATOR, ADMIN = Role
# Method and address, the least role, and what is sent.
TABLE: dict[tuple[str, str], tuple[Role, Any]] = {
    ("GET", "/"): (VISITOR, None),
    ("GET", "/now/part"): (MEMBER, None),
    ("GET", "/log"): (OPERATOR, None),
    ("GET", "/log/stream"): (OPERATOR, None),
    ("GET", "/tonight"): (MEMBER, None),
    ("GET", "/frames"): (MEMBER, None),
    ("GET", "/frames.zip"): (MEMBER, None),
    ("GET", "/frames/{number}"): (MEMBER, None),
    ("GET", "/frames/{number}/file"): (MEMBER, None),
    ("GET", "/frames/{number}/{size_px}.png"): (MEMBER, None),
    ("GET", "/flats"): (MEMBER, None),
    ("GET", "/health"): (MEMBER, None),
    ("GET", "/health/{number}.json"): (MEMBER, None),
    ("GET", "/coverage"): (MEMBER, None),
    ("GET", "/library"): (VISITOR, None),
    ("GET", "/library/{number}"): (VISITOR, None),
    ("GET", "/library/{number}/file"): (VISITOR, None),
    ("GET", "/library/{number}/{size_px}.png"): (VISITOR, None),
    ("GET", "/sign-in"): (VISITOR, None),
    ("GET", "/account"): (MEMBER, None),
    ("POST", "/account/tokens"): (MEMBER, {"label": "x", "scopes": ["watch"]}),
    ("POST", "/account/revoke"): (MEMBER, {"number": "999999"}),
    ("POST", "/account/address"): (MEMBER, {"do": "nothing"}),
    ("GET", "/users"): (ADMIN, None),
    ("POST", "/users"): (ADMIN, {"do": "enable", "name": "other"}),
    ("GET", "/control"): (OPERATOR, None),
    ("POST", "/control/run"): (OPERATOR, RUN | {"do": "dry"}),
    ("POST", "/control/{what}"): (OPERATOR, {"rig": "T1"} | WHY),
    ("POST", "/demo/pace"): (OPERATOR, {"do": "pause"}),
    ("GET", "/requests"): (MEMBER, None),
    ("POST", "/requests"): (MEMBER, WANTED),
    ("POST", "/requests/{number}/{what}"): (MEMBER, WHY),
    ("GET", "/points"): (MEMBER, None),
    ("GET", "/points.csv"): (MEMBER, None),
    ("POST", "/points"): (OPERATOR, REFUND | {"do": "grant"}),
    ("GET", "/healthz"): (VISITOR, None),
    ("GET", "/metrics"): (MEMBER, None),
    ("GET", "/static/report.css"): (VISITOR, None),
    ("GET", "/api/v1/me"): (VISITOR, None),
    ("POST", "/api/v1/me/address"): (MEMBER, {"address": ""}),
    ("GET", "/api/v1/status"): (MEMBER, None),
    ("GET", "/api/v1/cameras"): (MEMBER, None),
    ("GET", "/api/v1/coverage"): (MEMBER, None),
    ("GET", "/api/v1/nights/{night}"): (MEMBER, None),
    ("GET", "/api/v1/frames"): (MEMBER, None),
    ("GET", "/api/v1/frames/{number}"): (MEMBER, None),
    ("GET", "/api/v1/frames/{number}/file"): (MEMBER, None),
    ("GET", "/api/v1/frames/{number}/picture"): (MEMBER, None),
    ("GET", "/api/v1/health"): (MEMBER, None),
    ("GET", "/api/v1/masters"): (VISITOR, None),
    ("GET", "/api/v1/masters/{number}"): (VISITOR, None),
    ("GET", "/api/v1/masters/{number}/file"): (VISITOR, None),
    ("GET", "/api/v1/log"): (OPERATOR, None),
    ("POST", "/api/v1/pause"): (OPERATOR, WHY),
    ("POST", "/api/v1/resume"): (OPERATOR, WHY),
    ("POST", "/api/v1/stop"): (OPERATOR, WHY),
    ("POST", "/api/v1/runs"): (OPERATOR, RUN),
    ("POST", "/api/v1/runs/dry"): (OPERATOR, RUN),
    ("POST", "/api/v1/orders"): (OPERATOR, {"rig": "T1", "flats": "Ha"} | WHY),
    ("POST", "/api/v1/events"): (OPERATOR, EVENT),
    ("POST", "/api/v1/set-aside"): (OPERATOR, ASIDE),
    ("POST", "/api/v1/release"): (OPERATOR, {"rig": "T1", "frames": "2026-11-21T16:30:05Z"} | WHY),
    ("POST", "/api/v1/guard/reset"): (OPERATOR, WHY),
    ("GET", "/api/v1/requests"): (MEMBER, None),
    ("GET", "/api/v1/requests/ended"): (MEMBER, None),
    ("GET", "/api/v1/requests/{number}"): (MEMBER, None),
    ("POST", "/api/v1/requests/quote"): (MEMBER, WANTED),
    ("POST", "/api/v1/requests"): (MEMBER, WANTED),
    ("POST", "/api/v1/requests/{number}/cancel"): (MEMBER, WHY),
    ("POST", "/api/v1/requests/{number}/refuse"): (OPERATOR, WHY),
    ("GET", "/api/v1/points"): (MEMBER, None),
    ("POST", "/api/v1/points/refund"): (OPERATOR, REFUND),
    ("POST", "/api/v1/points/grant"): (OPERATOR, REFUND),
    ("GET", "/api/v1/accounts"): (ADMIN, None),
    ("POST", "/api/v1/accounts"): (ADMIN, {"name": "Not A Name"}),
    ("POST", "/api/v1/accounts/{name}/role"): (ADMIN, {"role": "member"}),
    ("POST", "/api/v1/accounts/{name}/password"): (ADMIN, {}),
    ("POST", "/api/v1/accounts/{name}/disable"): (ADMIN, {}),
    ("POST", "/api/v1/accounts/{name}/enable"): (ADMIN, {}),
    ("POST", "/api/v1/accounts/{name}/sign-out"): (ADMIN, {}),
    ("GET", "/api/v1/accounts/{name}/tokens"): (ADMIN, None),
    ("POST", "/api/v1/accounts/{name}/tokens/{number}/revoke"): (ADMIN, {}),
}
# They end a session or change a password, and have tests of their own.
ELSEWHERE = {("POST", "/sign-in"), ("POST", "/sign-out"), ("POST", "/account/password")}


def test_every_address_is_in_the_table(served: Served) -> None:
    there = {
        (method, route.path)
        for route in _routes(application(served.desk).routes)
        for method in route.methods
        if method != "HEAD"
    }
    assert there == set(TABLE) | ELSEWHERE


def _routes(routes: Any) -> list[APIRoute]:
    found = [route for route in routes if isinstance(route, APIRoute)]
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            found += _routes(inner.routes)
    return found


@pytest.mark.parametrize("role", list(Role), ids=[role.word for role in Role])
@pytest.mark.parametrize(("method", "path"), list(TABLE), ids=[f"{m} {p}" for m, p in TABLE])
def test_an_address_answers_whom_it_is_for_and_nobody_else(
    served: Served, method: str, path: str, role: Role
) -> None:
    least, sent = TABLE[method, path]
    browser = served.visitor() if role is Role.VISITOR else served.as_(role.word)
    address = path.format(
        number=1, size_px=240, what="cancel" if "requests" in path else "pause", night="2026-11-21",
        name="nobody",
    )  # fmt: skip
    if path == "/log/stream":
        if role < least:
            assert browser.get(address).status_code in (303, 403)
        return
    is_api = path.startswith("/api/")
    got = browser.ask(method, address, json=sent if is_api else None, form=None if is_api else sent)
    turned_away = got.status_code in (401, 403) or got.headers.get("location") == "/sign-in"
    assert turned_away == (role < least), (got.status_code, got.text[:300])
    assert got.status_code < 500, got.text[-300:]
    of_a_file = got.headers.get("content-disposition", "").startswith("attachment")
    assert "<script>alert" not in got.text or "json" in got.headers["content-type"] or of_a_file


def test_a_token_may_what_its_scopes_say_and_not_more(served: Served) -> None:
    accounts, now = served.desk.archive.catalogue.accounts, served.desk.clock.now()
    secret = issue_token(accounts, "operator", "watcher", [Scope.WATCH], now).secret
    nobody = served.visitor()
    assert nobody.get("/api/v1/status", authorization=f"Bearer {secret}").status_code == 200
    refused = nobody.ask("POST", "/api/v1/pause", json=WHY, authorization=f"Bearer {secret}")
    assert (refused.status_code, "scope operate" in refused.text) == (403, True)
    assert nobody.get("/api/v1/status", authorization=f"Bearer {secret}x").status_code == 401
    assert nobody.get("/account", authorization=f"Bearer {secret}").status_code == 403
    old = issue_token(accounts, "operator", "old", [Scope.WATCH], now - timedelta(days=2), timedelta(days=1))
    assert nobody.get("/api/v1/status", authorization=f"Bearer {old.secret}").status_code == 401


def test_an_admin_makes_and_ends_accounts_by_the_api_and_somebody_stays_admin(served: Served) -> None:
    admin = served.as_("admin")

    def told(path: str, sent: Any = None, method: str = "POST") -> Any:
        return admin.ask(method, f"/api/v1/accounts{path}", json=sent if method == "GET" else sent or {})

    made = told("", {"name": "by-api", "role": "operator"})
    assert (made.status_code, made.json()["role"]) == (201, "operator")
    accounts, now = served.desk.archive.catalogue.accounts, served.desk.clock.now()
    assert sign_in(accounts, "by-api", made.json()["password"], now)
    assert "by-api" in [one["name"] for one in told("", method="GET").json()]
    assert told("", {"name": "by-api"}).status_code == 422
    again = told("/by-api/password").json()["password"]
    with pytest.raises(NotAllowed):
        sign_in(accounts, "by-api", made.json()["password"], now)
    assert sign_in(accounts, "by-api", again, now)
    token = issue_token(accounts, "by-api", "a script", [Scope.WATCH], now)
    (listed,) = told("/by-api/tokens", method="GET").json()
    assert (listed["label"], listed["valid"], token.secret in str(listed)) == ("a script", True, False)
    (revoked,) = told(f"/by-api/tokens/{listed['number']}/revoke").json()["tokens"]
    assert not revoked["valid"]
    assert told("/by-api/role", {"role": "member"}).json()["role"] == "member"
    assert told("/by-api/disable").json()["disabled"]
    with pytest.raises(NotAllowed):
        sign_in(accounts, "by-api", again, now)
    assert not told("/by-api/enable").json()["disabled"]
    assert told("/by-api/sign-out").status_code == 200
    last = told("/admin/role", {"role": "member"})
    assert (last.status_code, "only admin" in last.text) == (422, True)
    assert told("/nobody/disable").status_code == 422


def test_a_form_without_the_mark_of_its_session_does_nothing(served: Served) -> None:
    served.asked.clear()
    thief = served.as_("operator")
    thief.csrf = served.as_("operator").csrf
    assert thief.post("/control/pause", rig="T1", why="a trick").status_code == 403
    assert thief.ask("POST", "/api/v1/pause", json=WHY).status_code == 403
    mine = served.as_("operator")
    elsewhere = mine.ask(
        "POST", "/control/pause", form={"rig": "T1", "why": "a trick"}, sec_fetch_site="cross-site"
    )
    assert elsewhere.status_code == 403
    assert not served.asked


def test_who_knows_the_password_gets_a_session_and_loses_it_by_signing_out(served: Served) -> None:
    first = served.visitor()
    form = first.get("/sign-in")
    first.cookies = dict(form.cookies)
    first.csrf = form.text.split('name="csrf" value="')[1].split('"')[0]
    cookie = form.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert first.post("/sign-in", name="member", password="wrong wrong wrong").status_code == 401
    got = first.post("/sign-in", name="member", password=PASSWORD)
    assert (got.status_code, got.headers["location"]) == (303, "/")
    me = served.visitor()
    me.cookies = dict(got.cookies)
    assert me.get("/api/v1/me").json()["name"] == "member"
    me.csrf = me.get("/account").text.split('name="csrf" value="')[1].split('"')[0]
    assert me.post("/sign-out").status_code == 303
    assert me.get("/api/v1/me").json()["name"] is None


def test_after_many_wrong_passwords_even_the_right_one_must_wait(served: Served) -> None:
    guess = served.visitor()
    form = guess.get("/sign-in")
    guess.cookies, guess.csrf = dict(form.cookies), form.text.split('name="csrf" value="')[1].split('"')[0]
    codes = [
        guess.post("/sign-in", name="nobody", password="x").status_code for _ in range(MOST_OF_ACCOUNT + 1)
    ]
    assert codes == [401] * MOST_OF_ACCOUNT + [429]
    assert "try again in" in guess.post("/sign-in", name="nobody", password="x").text


def test_another_host_name_is_refused_and_no_answer_goes_without_its_headers(served: Served) -> None:
    assert served.visitor().get("/", host="evil.example").status_code == 400
    headers = served.visitor().get("/").headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    large = served.as_("operator").post("/control/pause", rig="T1", why="x" * 100_000)
    assert large.status_code == 413


def test_a_library_that_is_not_public_is_for_members(tmp_path: Any) -> None:
    with page_over_library(tmp_path) as page:
        page.desk.web = page.desk.web.model_copy(update={"public_library": False})
        assert page.visitor().get("/library").headers["location"] == "/sign-in"
        assert page.visitor().get("/api/v1/masters").status_code == 401
        assert page.as_("member").get("/library").status_code == 200
