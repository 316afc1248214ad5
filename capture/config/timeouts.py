"""`[timeouts]`: how long a call to a device may take."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from capture.config.fields import CallSeconds, DeviceAddress, Section


class Timeouts(Section):
    """Real seconds for the whole of a call, per kind of call; `device_connects_s` for the device's own part.

    `connect_s`: until its server takes us. `slow_write_s`: for what moves something, which some drivers
    answer only when it has arrived.
    """

    connect_s: CallSeconds = 5.0
    read_s: CallSeconds = 10.0
    write_s: CallSeconds = 15.0
    slow_write_s: CallSeconds = 60.0
    image_s: CallSeconds = 120.0
    device_connects_s: Annotated[float, Field(gt=0, le=1800)] = 300.0


_NOT_ABOVE = (("read_s", "image_s"), ("write_s", "slow_write_s"), ("slow_write_s", "device_connects_s"))


class TimeoutsConfig(Timeouts):
    """`[timeouts]`: how long calls may take; in `at`, by `host:port/number`, where a device needs others."""

    at: dict[str, Timeouts] = Field(default_factory=dict)

    def of(self, address: DeviceAddress) -> Timeouts:
        """Those of the devices at `address`."""
        common = self.model_dump(exclude={"at"})
        own = self.at.get(str(address))
        return Timeouts(**common | (own.model_dump(exclude_unset=True) if own is not None else {}))

    @model_validator(mode="after")
    def _ordered(self) -> TimeoutsConfig:
        common = self.model_dump(exclude={"at"})
        merged = [common, *(common | own.model_dump(exclude_unset=True) for own in self.at.values())]
        for values in merged:
            for lower, upper in _NOT_ABOVE:
                if values[lower] > values[upper]:
                    raise ValueError(
                        f"{lower} = {values[lower]:g} must not be above {upper} = {values[upper]:g}"
                    )
        return self
