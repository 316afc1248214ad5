"""Signing in and out, one's own account, and accounts of others for admins."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from capture.config import Topic
from capture.errors import BadInput, NotAllowed
from capture.members import accounts as members
from capture.members.roles import Action, Role, Scope
from capture.notices.own_address import SERVICES, kind_of_own, set_own
from capture.store.accounts import CredentialKind
from capture.web.access import GUEST_COOKIE, SESSION_COOKIE, Caller, NotSignedIn, require
from capture.web.desk import Desk
from capture.web.forms import again, back_to, form_of, one
from capture.web.render import page, set_cookie
from capture.web.throttle import hashing

router = APIRouter()
Fields = Annotated[dict[str, list[str]], Depends(form_of)]


@router.get("/sign-in")
def sign_in_page(request: Request) -> HTMLResponse:
    """The form."""
    return page(request, "sign_in.html", fault="")


@router.post("/sign-in")
def sign_in(request: Request, fields: Fields) -> Response:
    """Let in who knows the password. Wrong ones are counted."""
    desk: Desk = request.app.state.desk
    name, password = one(fields, "name").lower(), fields.get("password", [""])[0]
    address = request.client.host if request.client else "unknown"
    desk.throttle.check(name, address)
    try:
        with hashing:
            issued = members.sign_in(desk.archive.catalogue.accounts, name, password, desk.clock.now())
    except NotAllowed as refused:
        desk.throttle.failed(name, address)
        return page(request, "sign_in.html", 401, fault=f"{refused}.")
    desk.throttle.succeeded(name)
    answer = RedirectResponse("/", 303)
    set_cookie(answer, desk, SESSION_COOKIE, issued.secret, int(members.SESSION_LASTS.total_seconds()))
    answer.delete_cookie(GUEST_COOKIE)
    return answer


@router.post("/sign-out", dependencies=[Depends(form_of)])
def sign_out(request: Request) -> Response:
    """End this session."""
    desk: Desk = request.app.state.desk
    members.sign_out(desk.archive.catalogue.accounts, request.state.caller.secret, desk.clock.now())
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(SESSION_COOKIE)
    return answer


def _mine(request: Request) -> tuple[Desk, str]:
    """The caller's own account, by a session: a token may not make tokens. Raises NotSignedIn, NotAllowed."""
    caller: Caller = request.state.caller
    if caller.name is None:
        raise NotSignedIn("sign in first")
    if caller.by_token:
        raise NotAllowed("this is done on the page, not with a token")
    return request.app.state.desk, caller.name


@router.get("/account")
def account(request: Request) -> HTMLResponse:
    """One's sessions and tokens."""
    _mine(request)
    return _account(request)


def _account(request: Request, status: int = 200, fault: str = "", secret: str = "") -> HTMLResponse:
    desk, name = _mine(request)
    accounts, now = desk.archive.catalogue.accounts, desk.clock.now()
    sessions = accounts.credentials(name, CredentialKind.SESSION)
    scopes = [scope for scope in Scope if request.state.caller.actor.role >= _LEAST[scope]]
    return page(
        request, "account.html", status, fault, row=accounts.get(name), scopes=scopes, secret=secret, now=now,
        tokens=accounts.credentials(name, CredentialKind.TOKEN),
        sessions=[session for session in sessions if session.valid_at(now)],
        told_by=kind_of_own(accounts, name), tells=desk.config.notify is not None, services=SERVICES,
        events=list(Topic) if request.state.caller.actor.role >= Role.OPERATOR else [],
    )  # fmt: skip


_LEAST = {
    Scope.LIBRARY: Role.MEMBER, Scope.WATCH: Role.MEMBER, Scope.ASK: Role.MEMBER,
    Scope.LOG: Role.OPERATOR, Scope.OPERATE: Role.OPERATOR, Scope.ADMIN: Role.ADMIN,
}  # fmt: skip


@router.post("/account/tokens")
def make_token(request: Request, fields: Fields) -> Response:
    """A token, shown this once."""
    desk, name = _mine(request)
    again(request, partial(_account, request))
    days = one(fields, "days")
    if days and not (days.isdigit() and 1 <= int(days) <= 3650):
        raise BadInput("a token lasts from 1 to 3650 days; leave it empty for one without end")
    lasts = timedelta(days=int(days)) if days else None
    accounts, scopes = desk.archive.catalogue.accounts, members.scopes_of(fields.get("scopes", []))
    issued = members.issue_token(accounts, name, one(fields, "label"), scopes, desk.clock.now(), lasts)
    return _account(request, secret=issued.secret)


@router.post("/account/revoke")
def revoke(request: Request, fields: Fields) -> Response:
    """End a session or token, or all sessions."""
    desk, name = _mine(request)
    again(request, partial(_account, request))
    accounts, number = desk.archive.catalogue.accounts, one(fields, "number")
    if number == "all":
        accounts.revoke(name, desk.clock.now(), kind=CredentialKind.SESSION)
        return RedirectResponse("/sign-in", 303)
    if not number.isdigit() or len(number) > 9:
        raise BadInput("say which one, by its number")
    accounts.revoke(name, desk.clock.now(), number=int(number))
    return back_to(request, "/account", "It lets nobody in any more.")


@router.post("/account/address")
def address(request: Request, fields: Fields) -> Response:
    """Where one is told of one's requests, and operators of what they choose."""
    desk, name = _mine(request)
    again(request, partial(_account, request))
    accounts = desk.archive.catalogue.accounts
    row = accounts.get(name)
    assert row is not None
    url = "" if one(fields, "do") == "nothing" else one(fields, "address")
    if not url and one(fields, "do") != "nothing":
        raise BadInput("give the address to tell you at")
    said = set_own(accounts, row, desk.config.notify, url, fields.get("events", []))
    return back_to(request, "/account", said)


@router.post("/account/password")
def password(request: Request, fields: Fields) -> Response:
    """Another password; all sessions end."""
    desk, name = _mine(request)
    again(request, partial(_account, request))
    accounts, now = desk.archive.catalogue.accounts, desk.clock.now()
    address = request.client.host if request.client else "unknown"
    desk.throttle.check(name, address)
    with hashing:
        try:
            members.sign_out(
                accounts, members.sign_in(accounts, name, fields.get("old", [""])[0], now).secret, now
            )
        except NotAllowed:
            desk.throttle.failed(name, address)
            raise NotAllowed("the old password is not right") from None
        members.set_password(accounts, name, fields.get("new", [""])[0], now)
    return RedirectResponse("/sign-in", 303)


@router.get("/users")
def users(request: Request) -> HTMLResponse:
    """All accounts."""
    require(request, Action.MANAGE_ACCOUNTS)
    return _users(request)


def _users(
    request: Request, status: int = 200, fault: str = "", secret: str = "", of: str = ""
) -> HTMLResponse:
    rows = request.app.state.desk.archive.catalogue.accounts.all()
    roles = [role.word for role in Role if role is not Role.VISITOR]
    return page(request, "users.html", status, fault, rows=rows, secret=secret, of=of, roles=roles)


@router.post("/users")
def change_user(request: Request, fields: Fields) -> Response:
    """Make an account, or change one."""
    require(request, Action.MANAGE_ACCOUNTS)
    again(request, partial(_users, request))
    desk: Desk = request.app.state.desk
    accounts, now = desk.archive.catalogue.accounts, desk.clock.now()
    name, do, secret = one(fields, "name"), one(fields, "do"), ""
    match do:
        case "make":
            secret = members.generated_password()
            with hashing:
                members.create(accounts, name, Role.of(one(fields, "role")), now, secret)
        case "role":
            members.set_role(accounts, name, Role.of(one(fields, "role")))
        case "password":
            secret = members.generated_password()
            with hashing:
                members.set_password(accounts, name, secret, now)
        case "disable" | "enable":
            members.disable(accounts, name, now, disabled=do == "disable")
        case "sign out":
            accounts.revoke(name, now)
        case _:
            raise BadInput("say what is to be done with the account")
    if secret:
        return _users(request, secret=secret, of=name)
    return back_to(request, "/users", f"{name}: done.")
