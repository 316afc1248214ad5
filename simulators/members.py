"""How a device declares its members: `get` and `put`, the parameters' types from the annotations, the errors.

Errors are those of ASCOM's API Reference (0x400 and up).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])

NOT_IMPLEMENTED = 0x400
INVALID_VALUE = 0x401
VALUE_NOT_SET = 0x402
NOT_CONNECTED = 0x407
PARKED = 0x408
SLAVED = 0x409
INVALID_OPERATION = 0x40B
ACTION_NOT_IMPLEMENTED = 0x40C
DRIVER_ERROR = 0x500


@dataclass(frozen=True)
class Late:
    """Returned by a PUT that is answered only when what it began is done, so many seconds later."""

    seconds: float


class AlpacaError(Exception):
    """Raised by a member that cannot do what was asked: goes out as 200 with this error number."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number


class BadRequest(Exception):
    """Raised for a call that the protocol does not know: goes out as 400 with plain text."""


def not_implemented(member: str) -> AlpacaError:
    """Return the error for a member that this device does not have."""
    return AlpacaError(NOT_IMPLEMENTED, f"{member} is not implemented by this device")


def invalid(text: str) -> AlpacaError:
    """Return the error for a value out of range."""
    return AlpacaError(INVALID_VALUE, text)


def refused(text: str) -> AlpacaError:
    """Return the error for an act that is not possible now."""
    return AlpacaError(INVALID_OPERATION, text)


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered not in ("true", "false"):
        raise ValueError(text)
    return lowered == "true"


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or "_" in text:
        raise ValueError(text)
    return value


def _integer(text: str) -> int:
    value = int(text)
    if "_" in text or not -(2**31) <= value < 2**31:
        raise ValueError(text)
    return value


CONVERTERS: dict[str, Callable[[str], Any]] = {
    "bool": _boolean, "float": _number, "int": _integer, "str": str,
}  # fmt: skip


@dataclass(frozen=True)
class Member:
    """One operation of a device: its function, its parameters on the wire, whether it needs a connection."""

    call: Callable[..., Any]
    parameters: tuple[tuple[str, Callable[[str], Any]], ...]
    connected: bool


def _declare(kind: str, name: str, wire: tuple[str, ...], connected: bool) -> Callable[[Method], Method]:
    def mark(method: Method) -> Method:
        types = [v for k, v in method.__annotations__.items() if k != "return"]
        assert len(types) == len(wire), f"{name}: one wire name for each parameter"
        parameters = tuple((w, CONVERTERS[t]) for w, t in zip(wire, types, strict=True))
        marks = getattr(method, "alpaca_members", ())
        method.alpaca_members = (*marks, (kind, name, Member(method, parameters, connected)))  # type: ignore[attr-defined]
        return method

    return mark


def get(name: str, *wire: str, connected: bool = True) -> Callable[[Method], Method]:
    """Declare a GET member; `wire` names its query parameters in the order of the method's own."""
    return _declare("get", name, wire, connected)


def put(name: str, *wire: str, connected: bool = True) -> Callable[[Method], Method]:
    """Declare a PUT member; `wire` names its form parameters in the order of the method's own."""
    return _declare("put", name, wire, connected)


def absent(name: str) -> Callable[..., Any]:
    """Return a member that answers NotImplemented."""

    def raise_it(_self: object, *_arguments: object) -> None:
        raise not_implemented(name)

    return raise_it


def read_parameters(member: Member, parameters: Mapping[str, str], method: str) -> list[Any]:
    """Return a member's arguments from a request. Raises BadRequest for one missing or unreadable."""
    arguments = []
    for name, convert in member.parameters:
        text = parameters.get(name.lower() if method == "get" else name)
        if text is None:
            raise BadRequest(f"parameter {name} is missing")
        try:
            arguments.append(convert(text))
        except (ValueError, OverflowError):
            raise BadRequest(f"parameter {name} cannot be read: {text!r}") from None
    return arguments
