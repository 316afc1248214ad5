"""What sections of the configuration are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

PositiveSeconds = Annotated[float, Field(gt=0, le=7200)]
CallSeconds = Annotated[float, Field(gt=0, le=600)]
Count = Annotated[int, Field(ge=0, le=1000)]
Binning = Annotated[int, Field(ge=1, le=8)]
Name = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.+-]*$")]


class Section(BaseModel):
    """A section of the file: frozen, and without keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DeviceAddress(Section):
    """One Alpaca device, written `host:port/number`; `[::1]:11111/0` for IPv6."""

    host: str
    port: int
    number: int

    def __str__(self) -> str:
        return f"{self.server}/{self.number}"

    @property
    def server(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def _address(value: object) -> object:
    if not isinstance(value, str):
        return value
    server, slash, number = value.partition("/")
    host, colon, port = server.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (slash and colon and host and port.isdecimal() and number.isdecimal()):
        raise ValueError(f"{value!r} is no device address; write host:port/number, as 127.0.0.1:11111/0")
    if not 0 < int(port) < 65536:
        raise ValueError(f"{value!r} has a port that does not exist; ports run from 1 to 65535")
    return {"host": host, "port": int(port), "number": int(number)}


Address = Annotated[DeviceAddress, BeforeValidator(_address)]
