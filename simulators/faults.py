"""Faults: which calls of which devices go wrong, in what way, and from when on.

`observatory.faults` holds them; the server asks it about each call (`strike`) and has `simulators.spoiling`
do to the reply what the fault says. Faults come from the settings, from tests in the process, or as JSON from
a file or through the side door `/simulator/faults`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError

Kind = Literal[
    "hang", "slow", "drip", "refuse", "deaf", "reset", "cut", "chunked", "http_500", "http_400", "redirect",
    "error", "ignore", "wrong_json", "wrong_type", "missing_key", "wrong_ids", "truncated", "oversized",
    "wrong_dimensions", "huge_image", "stuck",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)

# What a device has not heard, or has refused, it has not done either.
_NOT_CARRIED_OUT = ("refuse", "deaf", "http_400", "redirect", "error", "ignore")
_ONLY = {"stuck": "GET", "ignore": "PUT"}
_OF_IMAGES = ("wrong_dimensions", "huge_image")


@dataclass(frozen=True)
class Fault:
    """One fault, in force for the calls `after`, `after` + 1, ... that it matches, `times` of them or all.

    `device` is `camera/0`, `camera/*` or `*`; `member` is in lower case as in the path, or `*`. What else it
    takes depends on its kind (in brackets: what it is by itself):

        hang              no answer until the client gives up
        slow              the answer after `seconds` [10]
        drip              one byte of the answer each `seconds` [1]
        refuse            the connection is closed at once
        deaf              the whole server stops to listen until the fault is taken back
        reset             RST after `size` bytes of the reply [0]
        cut               the connection is closed after `size` bytes of the body [half of it]
        chunked           the whole answer, without a Content-Length
        http_500          that status; http_400 likewise
        redirect          302 to `location`
        error             the Alpaca error `number` [0x500]
        ignore            the answer to a PUT is good, but nothing is done
        wrong_json        no JSON
        wrong_type        `value`, or something of another type than the right one
        missing_key       without `key` [Value]; ErrorNumber where there is no such key
        wrong_ids         with another client's transaction
        truncated         `size` bytes of the body [half of it], with a true Content-Length
        oversized         `size` bytes too many [1000], with a true Content-Length
        wrong_dimensions  the image's header says `columns` [one too many] and `rows`
        huge_image        the image's header says 2^31 rows
        stuck             `value`, or for ever what was true at first; so imagearray is the same image again

    `carried_out` says whether the device does what it is told although the answer is bad; by itself it does,
    but not with refuse, deaf, http_400, redirect, error and ignore.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    device: str = "*"
    member: str = "*"
    kind: Kind = "hang"
    method: Literal["GET", "PUT", "*"] = "*"
    after: int = 1
    times: int | None = None
    seconds: float | None = None
    size: int | None = None
    value: Any = None
    key: str = "Value"
    number: int = 0x500
    columns: int | None = None
    rows: int | None = None
    location: str = "http://127.0.0.1:9/"
    carried_out: bool | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no kind of fault {self.kind!r}: there are {', '.join(KINDS)}")
        if self.method not in ("GET", "PUT", "*"):
            raise ValueError(f"method {self.method!r} is not GET, PUT or *")
        if (self.device, self.member) != (self.device.lower(), self.member.lower()):
            raise ValueError(f"device {self.device!r} and member {self.member!r} must be in lower case")
        if self.after < 1 or (self.times is not None and self.times < 1):
            raise ValueError("after and times count from 1")
        if self.seconds is not None and not 0 <= self.seconds <= 1e9:
            raise ValueError(f"seconds {self.seconds} is not within 0 to 1e9")
        if self.size is not None and not 0 <= self.size <= 1 << 24:
            raise ValueError(f"size {self.size} is not within 0 to 16 MiB")
        if self.kind in _OF_IMAGES and self.member not in ("imagearray", "imagearrayvariant", "*"):
            raise ValueError(f"{self.kind} is a fault of imagearray, not of {self.member}")
        if self.kind == "deaf" and self.times is not None:
            raise ValueError("a deaf server cannot count: deaf lasts until it is removed")

    @property
    def does(self) -> bool:
        """Whether the device still does what it is told."""
        return self.kind not in _NOT_CARRIED_OUT if self.carried_out is None else self.carried_out

    def matches(self, method: str, device: str, member: str) -> bool:
        """Whether a call is one of those that this fault is about."""
        return (
            self.device in ("*", device, device.partition("/")[0] + "/*")
            and self.member in ("*", member)
            and self.method in ("*", method)
            and _ONLY.get(self.kind, method) == method
        )


@dataclass
class Armed:
    """A fault at work: how many calls it has seen and spoilt; what stuck members said at first."""

    fault: Fault
    seen: int = 0
    struck: int = 0
    kept: dict[tuple[str, str], Any] = field(default_factory=dict)

    def in_force(self) -> bool:
        """Whether the last call that it has seen is one to be spoilt."""
        past = self.seen - self.fault.after
        return past >= 0 and (self.fault.times is None or past < self.fault.times)


class Faults:
    """The faults of an observatory, in order: of several that match a call, the first in force takes it."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._watchers: list[Callable[[], None]] = []
        # Replaced, never changed, so that the server can look without the lock whether there is any.
        self.armed: tuple[Armed, ...] = tuple(Armed(fault) for fault in faults)

    def add(self, *faults: Fault) -> None:
        """Put faults in force beside those that are there."""
        with self._lock:
            self.armed = (*self.armed, *(Armed(fault) for fault in faults))
        self._changed()

    def replace(self, faults: Iterable[Fault]) -> None:
        """Put these faults in force and no others."""
        with self._lock:
            self.armed = tuple(Armed(fault) for fault in faults)
        self._changed()

    def remove(self, fault: Fault) -> None:
        """Take back every fault that equals this one."""
        with self._lock:
            self.armed = tuple(a for a in self.armed if a.fault != fault)
        self._changed()

    def clear(self) -> None:
        """Take back all faults."""
        self.replace(())

    def list(self) -> list[Fault]:
        """Return the faults that have been added and not been taken back."""
        return [a.fault for a in self.armed]

    def struck(self, fault: Fault) -> int:
        """Return how many calls this fault has spoilt."""
        return sum(a.struck for a in self.armed if a.fault == fault)

    def strike(self, method: str, device: str, member: str) -> Armed | None:
        """Count a call; return the fault that spoils it."""
        chosen: Armed | None = None
        with self._lock:
            for armed in self.armed:
                if armed.fault.matches(method, device, member):
                    armed.seen += 1
                    if chosen is None and armed.in_force():
                        chosen = armed
                        armed.struck += 1
        return chosen

    def stuck(self, device: str) -> dict[str, Any]:
        """Return the members of a device that are stuck now with what they say, for its DeviceState."""
        said: dict[str, Any] = {}
        for armed in self.armed:
            fault = armed.fault
            if fault.kind == "stuck" and fault.value is not None and armed.seen == 0 and fault.after == 1:
                said |= {fault.member: fault.value} if fault.matches("GET", device, fault.member) else {}
            if armed.in_force():
                said |= {member: value for (of, member), value in armed.kept.items() if of == device}
        return said

    def deafened(self) -> bool:
        """Whether the server must not listen now."""
        return any(a.fault.kind == "deaf" and (a.fault.after == 1 or a.in_force()) for a in self.armed)

    def watch(self, watcher: Callable[[], None]) -> None:
        """Have `watcher` called after each change."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Callable[[], None]) -> None:
        """End what `watch` began."""
        self._watchers.remove(watcher)

    def _changed(self) -> None:
        for watcher in tuple(self._watchers):
            watcher()


_LIST = TypeAdapter(list[Fault])


def read_faults(text: str | bytes) -> list[Fault]:
    """Return the faults of a JSON list of objects with Fault's own names. Raises ValueError, which."""
    try:
        return _LIST.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f" {part}" for part in first["loc"])
        raise ValueError(f"cannot read the faults: item{where}: {first['msg']}" if where else
                         f"cannot read the faults: {first['msg']}") from None  # fmt: skip


def as_json(fault: Fault) -> dict[str, Any]:
    """Return a fault as JSON has it: only what is not as it is by itself."""
    plain = {f.name: f.default for f in fields(Fault)}
    return {name: value for name, value in asdict(fault).items() if name == "kind" or value != plain[name]}
