"""Who asks, and what each role may do: checked on the server for every page and every action."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from fastapi import Request

from capture.errors import NightcalError


class Role(IntEnum):
    VISITOR = 0
    MEMBER = 1
    OPERATOR = 2
    ADMIN = 3


class Right(StrEnum):
    """What one may do; LEAST says who."""

    LIBRARY = "library"
    WATCH = "watch"
    ASK = "ask"
    LOG = "log"
    OPERATE = "operate"
    ADMIN = "admin"


LEAST = {
    Right.LIBRARY: Role.VISITOR,
    Right.WATCH: Role.VISITOR,
    Right.ASK: Role.MEMBER,
    Right.LOG: Role.VISITOR,
    Right.OPERATE: Role.OPERATOR,
    Right.ADMIN: Role.ADMIN,
}


class Denied(NightcalError):
    """Raised when the caller may not do that; `signed_in`: whether signing in could help."""

    def __init__(self, text: str, *, signed_in: bool) -> None:
        super().__init__(text)
        self.signed_in = signed_in


@dataclass(frozen=True)
class Caller:
    """Who asks. `scopes` None: all that the role may. `secret`: of the session, or of a guest's cookie."""

    name: str | None
    role: Role
    secret: str = ""
    scopes: frozenset[Right] | None = None
    by_token: bool = False
    public_library: bool = True

    @property
    def signed_in(self) -> bool:
        return self.name is not None

    @property
    def key(self) -> str:
        """Names the session without giving it away."""
        return self._derived("notes") if self.secret else ""

    @property
    def csrf(self) -> str:
        """What a form of this session must carry: another site cannot know it."""
        return self._derived("form")

    def may(self, right: Right) -> bool:
        """Whether the role and the token's scopes allow it."""
        least = LEAST[right]
        if right is Right.LIBRARY and not self.public_library:
            least = Role.MEMBER
        return self.role >= least and (self.scopes is None or right in self.scopes)

    def _derived(self, purpose: str) -> str:
        return hashlib.sha256(f"nightcal {purpose} {self.secret}".encode()).hexdigest()


def require(request: Request, right: Right) -> Caller:
    """The caller, who may do this. Raises Denied."""
    caller: Caller = request.state.caller
    if caller.may(right):
        return caller
    if not caller.signed_in:
        raise Denied("sign in first", signed_in=False)
    if caller.scopes is not None and right not in caller.scopes:
        raise Denied(f"this token has not the scope {right}", signed_in=True)
    raise Denied(f"{caller.name} is {caller.role.name.lower()}, and this is for {LEAST[right].name.lower()}s",
                 signed_in=True)  # fmt: skip


def require_form(request: Request, given: str) -> None:
    """That a form, or a call with a cookie, comes from a page of ours. Raises Denied."""
    caller: Caller = request.state.caller
    if caller.by_token:
        return
    elsewhere = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
    if elsewhere or not caller.secret or not hmac.compare_digest(given.encode(), caller.csrf.encode()):
        raise Denied("this form is too old, or not from this page; load the page again", signed_in=True)
