"""Accounts as JSON, for admins. A password is told once; tokens are made by their owner, on the page."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from capture.members import accounts as members
from capture.members.roles import Action, Role
from capture.store.accounts import AccountRow
from capture.web.access import require
from capture.web.api import PROBLEMS, from_our_page
from capture.web.desk import Desk
from capture.web.throttle import hashing

router = APIRouter(prefix="/api/v1/accounts", responses=PROBLEMS, dependencies=[Depends(from_our_page)])
Name = Annotated[str, Path(min_length=1, max_length=60)]
TheRole = Literal["member", "operator", "admin"]


class AccountBody(BaseModel):
    """An account that is to be."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=60)]
    role: TheRole = "member"


class RoleBody(BaseModel):
    """What an account shall be."""

    model_config = ConfigDict(extra="forbid")
    role: TheRole


def _desk(request: Request) -> Desk:
    require(request, Action.MANAGE_ACCOUNTS)
    desk: Desk = request.app.state.desk
    return desk


def _told(row: AccountRow) -> dict[str, Any]:
    return {"name": row.name, "role": row.role, "made": row.made.isoformat(), "disabled": row.disabled}


@router.get("")
def accounts(request: Request) -> list[dict[str, Any]]:
    """Every account."""
    return [_told(row) for row in _desk(request).archive.catalogue.accounts.all()]


@router.post("", status_code=201)
def make(request: Request, body: AccountBody) -> dict[str, Any]:
    """Make one; its password is told this once."""
    desk, password = _desk(request), members.generated_password()
    with hashing:
        row = members.create(
            desk.archive.catalogue.accounts, body.name, Role.of(body.role), desk.clock.now(), password
        )
    return _told(row) | {"password": password}


@router.post("/{name}/role")
def set_role(request: Request, name: Name, body: RoleBody) -> dict[str, Any]:
    """Another role; somebody stays admin."""
    return _told(members.set_role(_desk(request).archive.catalogue.accounts, name, Role.of(body.role)))


@router.post("/{name}/password")
def reset_password(request: Request, name: Name) -> dict[str, Any]:
    """Another password, told this once; the account's sessions end."""
    desk, password = _desk(request), members.generated_password()
    with hashing:
        row = members.set_password(desk.archive.catalogue.accounts, name, password, desk.clock.now())
    return _told(row) | {"password": password}


@router.post("/{name}/disable")
def disable(request: Request, name: Name) -> dict[str, Any]:
    """Let it in no more; its sessions and tokens end."""
    desk = _desk(request)
    return _told(members.disable(desk.archive.catalogue.accounts, name, desk.clock.now()))


@router.post("/{name}/enable")
def enable(request: Request, name: Name) -> dict[str, Any]:
    """Let it in again."""
    desk = _desk(request)
    return _told(members.disable(desk.archive.catalogue.accounts, name, desk.clock.now(), disabled=False))


@router.post("/{name}/sign-out")
def sign_out(request: Request, name: Name) -> dict[str, Any]:
    """End all of its sessions and tokens."""
    desk = _desk(request)
    desk.archive.catalogue.accounts.revoke(name, desk.clock.now())
    return {"name": name, "tokens": _tokens(desk, name, 0)}


@router.get("/{name}/tokens")
def tokens(request: Request, name: Name) -> list[dict[str, Any]]:
    """Its tokens, without their secrets."""
    return _tokens(_desk(request), name, 0)


@router.post("/{name}/tokens/{number}/revoke")
def revoke(request: Request, name: Name, number: Annotated[int, Path(ge=1, lt=2**31)]) -> dict[str, Any]:
    """Let that token in no more."""
    return {"name": name, "tokens": _tokens(_desk(request), name, number)}


def _tokens(desk: Desk, name: str, revoke: int) -> list[dict[str, Any]]:
    now = desk.clock.now()
    rows = members.tokens_of(desk.archive.catalogue.accounts, name, revoke, now)
    return [
        {
            "number": row.id, "label": row.name, "scopes": list(row.scopes), "made": row.made.isoformat(),
            "expires": row.expires.isoformat() if row.expires else None,
            "used": row.used.isoformat() if row.used else None,
            "valid": row.valid_at(now),
        }
        for row in rows
    ]  # fmt: skip
