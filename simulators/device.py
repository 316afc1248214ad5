"""What all Alpaca devices share: connection, device state, the command log.

Whoever calls `Device.call`, the server or a test in the process, goes the same way and leaves the same log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import NAMESPACE_DNS, uuid5

from simulators.members import (
    ACTION_NOT_IMPLEMENTED,
    CONVERTERS,
    DRIVER_ERROR,
    NOT_CONNECTED,
    AlpacaError,
    BadRequest,
    Member,
    absent,
    get,
    not_implemented,
    put,
    read_parameters,
)
from simulators.settings import RigSettings
from simulators.world import World

__all__ = ["AlpacaError", "BadRequest", "Command", "Device", "iso"]

_SINCE_7 = ("connect", "disconnect", "connecting", "devicestate")


@dataclass(frozen=True)
class Command:
    """One PUT as it arrived; `error_number` is 0 when it went well, 400 for unreadable parameters.

    `fault` names the kind of fault that spoilt its answer; where the device has not carried it out because of
    the fault, `error` says so.
    """

    time: datetime
    device: str
    member: str
    parameters: Mapping[str, str]
    error_number: int = 0
    error: str = ""
    fault: str = ""


class Device:
    """The base of all simulated devices.

    `versions` are the interface's on Platform 6 and 7; `since_7` names members that the older one lacks,
    beside those that it lacks of every device. `no_get` and `no_put` answer NotImplemented, a PUT only when
    its parameters (by name, with their types) are there and readable.
    """

    kind: ClassVar[str]
    versions: ClassVar[tuple[int, int]]
    since_7: ClassVar[tuple[str, ...]] = ()
    description: ClassVar[str] = "A simulated device of nightcal"
    constants: ClassVar[Mapping[str, object]] = {}
    no_get: ClassVar[tuple[str, ...]] = ()
    no_put: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    state: ClassVar[tuple[str, ...]] = ()
    declared: ClassVar[dict[tuple[str, str], Member]]

    def __init_subclass__(cls) -> None:
        found: dict[tuple[str, str], Member] = dict(getattr(cls, "declared", {}))
        for base in reversed(cls.__mro__):
            for method in vars(base).values():
                for kind, name, member in getattr(method, "alpaca_members", ()):
                    found[kind, name] = member
        for name, value in cls.constants.items():
            found["get", name] = Member(lambda _self, value=value: value, (), True)
        for name in cls.no_get:
            found["get", name] = Member(absent(name), (), True)
        for name, types in cls.no_put.items():
            parameters = tuple((wire, CONVERTERS[t]) for wire, t in types.items())
            found["put", name] = Member(absent(name), parameters, True)
        cls.declared = found

    def __init__(
        self, world: World, number: int, name: str, log: list[Command], rig: RigSettings | None = None
    ) -> None:
        self.world = world
        self.number = number
        self.name = name
        settings = world.settings
        older = (rig.platform if rig and rig.platform else settings.platform) == 6
        self.interface_version = self.versions[0 if older else 1]
        missing = {*_SINCE_7, *self.since_7} if older else set()
        self.members = {key: member for key, member in self.declared.items() if key[1] not in missing}
        self._connect_s = settings.connect_s if rig is None or rig.connect_s is None else rig.connect_s
        self._connected = False
        self._connects_at: float | None = None
        self.unique_id = str(
            uuid5(NAMESPACE_DNS, f"nightcal/{world.settings.seed}/{self.kind}/{number}/{name}")
        )
        self._log = log

    @property
    def address(self) -> str:
        """The device's name in the command log: type and number, as `camera/0`."""
        return f"{self.kind}/{self.number}"

    def now_s(self) -> float:
        """Return the time as Unix seconds."""
        return self.world.now_s()

    @property
    def connected(self) -> bool:
        """Whether a client has connected it, once the time that it takes is over."""
        if self._connects_at is not None and self.now_s() >= self._connects_at:
            self._connected, self._connects_at = True, None
        return self._connected

    @connected.setter
    def connected(self, connected: bool) -> None:
        self._connected, self._connects_at = connected, None

    def call(self, method: str, member: str, parameters: Mapping[str, str], fault: str = "") -> Any:
        """Carry out one GET or PUT and return its value (of a PUT None, or Late where it is answered late).

        `method` is 'get' or 'put'; the names in `parameters` are as on the wire, in lower case for 'get'.
        `fault` is the kind of fault that the answer will meet, for the command log. Raises BadRequest for an
        unknown member or a missing or unreadable parameter, else AlpacaError.
        """
        known = self.members.get((method, member))
        if known is None:
            raise BadRequest(f"{self.kind} has no {method.upper()} {member}")
        if method == "get":
            return self._carry_out(known, read_parameters(known, parameters, method))
        with self.world.lock:
            entry = len(self._log)
            self._log.append(
                Command(self.world.clock.now(), self.address, member, dict(parameters), fault=fault)
            )
            try:
                return self._carry_out(known, read_parameters(known, parameters, method))
            except (AlpacaError, BadRequest) as error:
                number = error.number if isinstance(error, AlpacaError) else 400
                self._log[entry] = replace(self._log[entry], error_number=number, error=str(error))
                raise

    def log_unheard(self, member: str, parameters: Mapping[str, str], fault: str) -> None:
        """Write a PUT into the command log that a fault has kept from being carried out."""
        with self.world.lock:
            self._log.append(
                Command(
                    self.world.clock.now(), self.address, member, dict(parameters),
                    error=f"not carried out: {fault}", fault=fault,
                )
            )  # fmt: skip

    def note(self, text: str) -> None:
        """Write what a command led to beside it in the command log, as an error that nobody was told."""
        self._log[-1] = replace(self._log[-1], error_number=DRIVER_ERROR, error=text)

    def _carry_out(self, member: Member, arguments: list[Any]) -> Any:
        with self.world.lock:
            if member.connected and not self._connected and not self.connected:
                raise AlpacaError(NOT_CONNECTED, f"{self.name} is not connected")
            return member.call(self, *arguments)

    @get("connected", connected=False)
    def _get_connected(self) -> bool:
        return self.connected

    @put("connected", "Connected", connected=False)
    def _set_connected(self, connected: bool) -> None:
        self.connected = connected

    @put("connect", connected=False)
    def _connect(self) -> None:
        if not self.connected and self._connects_at is None:
            self._connects_at = self.now_s() + self._connect_s

    @put("disconnect", connected=False)
    def _disconnect(self) -> None:
        self.connected = False

    @get("connecting", connected=False)
    def _connecting(self) -> bool:
        return not self.connected and self._connects_at is not None

    @get("name", connected=False)
    def _name(self) -> str:
        return self.name

    @get("description", connected=False)
    def _description(self) -> str:
        return self.description

    @get("driverinfo", connected=False)
    def _driver_info(self) -> str:
        return "nightcal simulators: one world, rendered by one file per Alpaca device"

    @get("driverversion", connected=False)
    def _driver_version(self) -> str:
        return "1.0"

    @get("interfaceversion", connected=False)
    def _interface_version(self) -> int:
        return self.interface_version

    @get("supportedactions", connected=False)
    def _supported_actions(self) -> list[str]:
        return []

    @put("action", "Action", "Parameters")
    def _action(self, action: str, parameters: str) -> None:
        raise AlpacaError(ACTION_NOT_IMPLEMENTED, f"no action {action!r}: none is supported")

    @put("commandblind", "Command", "Raw")
    @put("commandbool", "Command", "Raw")
    @put("commandstring", "Command", "Raw")
    def _command(self, command: str, raw: bool) -> None:
        raise not_implemented("Command")

    @get("devicestate")
    def _device_state(self) -> list[dict[str, object]]:
        out: list[dict[str, object]] = []
        for name in self.state:
            try:
                out.append({"Name": name, "Value": self.members["get", name.lower()].call(self)})
            except AlpacaError:
                continue
        return [*out, {"Name": "TimeStamp", "Value": iso(self.now_s())}]


def iso(t: float, suffix: str = "Z") -> str:
    """Return Unix seconds as an ISO date and time with milliseconds."""
    return datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + suffix
