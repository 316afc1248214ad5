"""Who asks: by a session's cookie, a token, or a proxy that has made sure."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from fastapi import Request

from capture.errors import NotAllowed
from capture.members.accounts import actor_of
from capture.members.roles import VISITOR, Action, Actor, Role
from capture.store.accounts import CredentialKind
from capture.web.desk import Desk

SESSION_COOKIE, GUEST_COOKIE = "nightcal_session", "nightcal_guest"
_LONGEST_SECRET = 200


class NotSignedIn(NotAllowed):
    """Raised when the caller is nobody, and signing in could help."""


@dataclass(frozen=True)
class Caller:
    """Who asks. `secret`: of the session or a guest's cookie, what forms are bound to; `fresh`: just made."""

    actor: Actor
    secret: str = ""
    by_token: bool = False
    fresh: bool = False
    library_is_open: bool = True

    @property
    def name(self) -> str | None:
        """The account's name."""
        return self.actor.name

    @property
    def key(self) -> str:
        """Names the session without giving it away."""
        return self._derived("notes")

    @property
    def csrf(self) -> str:
        """What a form of this session must carry: another site cannot know it."""
        return self._derived("form")

    def may(self, action: Action, owner: str | None = None) -> bool:
        """Whether they may do that."""
        if action is Action.SEE_LIBRARY and not self.library_is_open and self.actor.role is Role.VISITOR:
            return False
        return self.actor.may(action, owner)

    def _derived(self, purpose: str) -> str:
        return hashlib.sha256(f"nightcal {purpose} {self.secret}".encode()).hexdigest()


def identify(request: Request) -> None:
    """Find out who asks, before anything else."""
    desk: Desk = request.app.state.desk
    accounts, now = desk.archive.catalogue.accounts, desk.clock.now()
    is_open = desk.web.public_library
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if token:
        actor = None
        if scheme.lower() == "bearer" and len(token) <= _LONGEST_SECRET:
            actor = actor_of(accounts, token.strip(), now, CredentialKind.TOKEN)
        request.state.caller = Caller(VISITOR, library_is_open=is_open)
        if actor is None:
            raise NotSignedIn("this token is not known, has expired or was revoked")
        request.state.caller = Caller(actor, by_token=True, library_is_open=is_open)
        return
    secret = request.cookies.get(SESSION_COOKIE, "")[:_LONGEST_SECRET]
    actor = actor_of(accounts, secret, now, CredentialKind.SESSION) if secret else None
    if actor is None:
        actor = _named_by_proxy(request, desk)
        secret = request.cookies.get(GUEST_COOKIE, "")[:_LONGEST_SECRET]
    fresh = not secret
    request.state.caller = Caller(
        actor or VISITOR, secret or secrets.token_urlsafe(32), fresh=fresh, library_is_open=is_open
    )


def _named_by_proxy(request: Request, desk: Desk) -> Actor | None:
    """The account that a trusted proxy has signed in."""
    header = desk.web.user_header
    if header is None or not request.scope.get("nightcal.by_proxy"):
        return None
    names = request.headers.getlist(header)
    row = desk.archive.catalogue.accounts.get(names[0]) if len(names) == 1 else None
    return None if row is None or row.disabled else Actor(row.name, Role.of(row.role))


def require(request: Request, action: Action, owner: str | None = None) -> Caller:
    """The caller, who may do this. Raises NotSignedIn, NotAllowed."""
    caller: Caller = request.state.caller
    if caller.may(action, owner):
        return caller
    if caller.name is None:
        raise NotSignedIn("sign in first")
    caller.actor.require(action, owner)
    raise NotAllowed("this is for those who have signed in")


def require_form(request: Request, given: str) -> None:
    """That a form, or a call with a cookie, comes from a page of ours. Raises NotAllowed."""
    caller: Caller = request.state.caller
    if caller.by_token:
        return
    elsewhere = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
    if elsewhere or caller.fresh or not hmac.compare_digest(given.encode(), caller.csrf.encode()):
        raise NotAllowed("this form is too old, or not from this page; load the page again")
