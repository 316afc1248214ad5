"""Roles, and what each may do: one table, asked on the server for every action."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from capture.errors import BadInput, NotAllowed


class Role(IntEnum):
    """Each may do all that the ones before it may."""

    VISITOR = 0
    MEMBER = 1
    OPERATOR = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """As people and the catalogue write it."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Role:
        """The role of that word. Raises BadInput."""
        for role in cls:
            if role.word == word.strip().lower():
                return role
        raise BadInput(f"there is no role {word!r}; there are {', '.join(role.word for role in cls)}")


class Scope(StrEnum):
    """What an API token may be kept to."""

    LIBRARY = "library"
    WATCH = "watch"
    ASK = "ask"
    LOG = "log"
    OPERATE = "operate"
    ADMIN = "admin"


class Action(StrEnum):
    """All that one may do."""

    SEE_LIBRARY = "see the library"
    SEE_STATUS = "see what the rigs do"
    SEND_REQUEST = "ask for bias and darks"
    SEE_REQUEST = "see a request"
    CANCEL_REQUEST = "cancel a request"
    SEE_POINTS = "see points"
    SEE_LOG = "see the log"
    REFUSE_REQUEST = "refuse a request"
    CHANGE_POINTS = "grant and refund points"
    RUN_SEQUENCE = "run a sequence"
    ORDER_FLATS = "order flats"
    STOP_RIG = "stop and pause rigs"
    TELL_EVENT = "tell an event"
    SET_ASIDE = "set frames aside"
    RESET_GUARD = "reset the guard"
    MANAGE_ACCOUNTS = "manage accounts"
    CHANGE_DEVICES = "change device addresses"


# Least role for one's own, least role for another's, and the scope that a token needs.
_TABLE: dict[Action, tuple[Role, Role, Scope]] = {
    Action.SEE_LIBRARY: (Role.VISITOR, Role.VISITOR, Scope.LIBRARY),
    Action.SEE_STATUS: (Role.MEMBER, Role.MEMBER, Scope.WATCH),
    Action.SEND_REQUEST: (Role.MEMBER, Role.OPERATOR, Scope.ASK),
    Action.SEE_REQUEST: (Role.MEMBER, Role.OPERATOR, Scope.ASK),
    Action.CANCEL_REQUEST: (Role.MEMBER, Role.OPERATOR, Scope.ASK),
    Action.SEE_POINTS: (Role.MEMBER, Role.OPERATOR, Scope.ASK),
    Action.SEE_LOG: (Role.OPERATOR, Role.OPERATOR, Scope.LOG),
    Action.REFUSE_REQUEST: (Role.OPERATOR, Role.OPERATOR, Scope.OPERATE),
    Action.CHANGE_POINTS: (Role.OPERATOR, Role.OPERATOR, Scope.OPERATE),
    Action.RUN_SEQUENCE: (Role.OPERATOR, Role.OPERATOR, Scope.OPERATE),
    Action.ORDER_FLATS: (Role.OPERATOR, Role.OPERATOR, Scope.OPERATE),
    Action.STOP_RIG: (Role.OPERATOR, Role.OPERATOR, Scope.OPERATE),
    Action.TELL_EVENT: (Role.OPERATOR, Role.OPERATOR, Scope.OPERATE),
    Action.SET_ASIDE: (Role.OPERATOR, Role.OPERATOR, Scope.OPERATE),
    Action.RESET_GUARD: (Role.OPERATOR, Role.OPERATOR, Scope.OPERATE),
    Action.MANAGE_ACCOUNTS: (Role.ADMIN, Role.ADMIN, Scope.ADMIN),
    Action.CHANGE_DEVICES: (Role.ADMIN, Role.ADMIN, Scope.ADMIN),
}


def may(role: Role, action: Action, *, own: bool = True, scopes: Iterable[Scope] | None = None) -> bool:
    """Whether the role may do that, to what is its `own`, or another's.

    `scopes`: those of the token that is used; None without one, which allows all that the role may.
    """
    least_own, least_other, scope = _TABLE[action]
    return role >= (least_own if own else least_other) and (scopes is None or scope in set(scopes))


@dataclass(frozen=True)
class Actor:
    """Who acts: an account, or None, a visitor. `scopes`: of the token that is used; None without one."""

    name: str | None
    role: Role
    scopes: frozenset[Scope] | None = None

    def may(self, action: Action, owner: str | None = None) -> bool:
        """Whether they may do that, to what is `owner`'s; None: to what is nobody else's."""
        return may(self.role, action, own=owner is None or owner == self.name, scopes=self.scopes)

    def require(self, action: Action, owner: str | None = None) -> None:
        """Raises NotAllowed unless they may do that."""
        if self.may(action, owner):
            return
        least_own, least_other, scope = _TABLE[action]
        if self.scopes is not None and scope not in self.scopes:
            raise NotAllowed(f"this token has not the scope {scope}, which it takes to {action}")
        least = least_own if owner is None or owner == self.name else least_other
        raise NotAllowed(f"to {action} one must be {least.word} at least; {self} is {self.role.word}")

    def __str__(self) -> str:
        return self.name or "a visitor"


VISITOR = Actor(None, Role.VISITOR)
