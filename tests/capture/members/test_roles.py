"""Roles: each of them at each action, on their own and on another's, and tokens that are kept to less."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from capture.errors import BadInput, NotAllowed
from capture.members.roles import VISITOR, Action, Actor, Role, Scope, may

ADMINS = {"admin"}
STAFF = {"operator"} | ADMINS
PERSONS = {"member"} | STAFF
ALL = {"visitor"} | PERSONS
# Who may do it to their own, who to another's, and the scope that a token needs.
TABLE = {
    Action.SEE_LIBRARY: (ALL, ALL, Scope.LIBRARY),
    Action.SEE_STATUS: (PERSONS, PERSONS, Scope.WATCH),
    Action.SEND_REQUEST: (PERSONS, STAFF, Scope.ASK),
    Action.SEE_REQUEST: (PERSONS, STAFF, Scope.ASK),
    Action.CANCEL_REQUEST: (PERSONS, STAFF, Scope.ASK),
    Action.SEE_POINTS: (PERSONS, STAFF, Scope.ASK),
    Action.SEE_LOG: (STAFF, STAFF, Scope.LOG),
    Action.REFUSE_REQUEST: (STAFF, STAFF, Scope.OPERATE),
    Action.CHANGE_POINTS: (STAFF, STAFF, Scope.OPERATE),
    Action.RUN_SEQUENCE: (STAFF, STAFF, Scope.OPERATE),
    Action.ORDER_FLATS: (STAFF, STAFF, Scope.OPERATE),
    Action.STOP_RIG: (STAFF, STAFF, Scope.OPERATE),
    Action.TELL_EVENT: (STAFF, STAFF, Scope.OPERATE),
    Action.SET_ASIDE: (STAFF, STAFF, Scope.OPERATE),
    Action.RESET_GUARD: (STAFF, STAFF, Scope.OPERATE),
    Action.MANAGE_ACCOUNTS: (ADMINS, ADMINS, Scope.ADMIN),
    Action.CHANGE_DEVICES: (ADMINS, ADMINS, Scope.ADMIN),
}


def words(roles: Iterable[Role]) -> set[str]:
    return {role.word for role in roles}


@pytest.mark.parametrize("action", Action, ids=lambda action: action.name.lower())
def test_each_role_may_do_what_the_table_says_and_nothing_else(action: Action) -> None:
    own, others, scope = TABLE[action]
    assert words(role for role in Role if may(role, action)) == own
    assert words(role for role in Role if may(role, action, own=False)) == others
    # A token takes away, and never gives.
    assert words(role for role in Role if may(role, action, scopes=[scope])) == own
    assert not [role for role in Role if may(role, action, scopes=set(Scope) - {scope})]


def test_what_one_may_not_do_is_said_with_what_it_would_take() -> None:
    ada = Actor("ada", Role.MEMBER)
    ada.require(Action.CANCEL_REQUEST, "ada")
    for actor, action, owner, told in (
        (ada, Action.CANCEL_REQUEST, "ben", "one must be operator at least; ada is member"),
        (ada, Action.STOP_RIG, None, "to stop and pause rigs one must be operator at least"),
        (VISITOR, Action.SEND_REQUEST, None, "a visitor is visitor"),
        (Actor("ada", Role.ADMIN, frozenset({Scope.WATCH})), Action.SEE_LOG, None, "has not the scope log"),
    ):
        with pytest.raises(NotAllowed, match=told):
            actor.require(action, owner)


def test_a_role_is_known_by_its_word_alone() -> None:
    assert [Role.of(f" {role.word.upper()} ") for role in Role] == list(Role)
    with pytest.raises(BadInput, match="there are visitor, member, operator, admin"):
        Role.of("root")
