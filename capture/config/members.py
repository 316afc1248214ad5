"""The section of members: what they may ask for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from capture.config.fields import PositiveSeconds, Section


class MembersConfig(Section):
    """`[members]`: what members may ask for; quotas are each member's, in a calendar month of the site.

    `exposures_s`: only these for darks; any when empty. `most_frames` of one request; `most_open` requests
    at a time. `coldest_c` and `warmest_c`: set points of rigs that are cooled.
    """

    frames_per_month: Annotated[int, Field(ge=0)] = 500
    hours_per_month: Annotated[float, Field(ge=0)] = 20.0
    gigabytes_per_month: Annotated[float, Field(ge=0)] = 50.0
    most_frames: Annotated[int, Field(ge=1, le=1000)] = 100
    most_open: Annotated[int, Field(ge=1, le=1000)] = 20
    exposures_s: tuple[PositiveSeconds, ...] = ()
    longest_exposure_s: PositiveSeconds = 1800.0
    coldest_c: Annotated[float, Field(ge=-100, le=40)] = -40.0
    warmest_c: Annotated[float, Field(ge=-100, le=40)] = 20.0

    @model_validator(mode="after")
    def _ordered(self) -> MembersConfig:
        if self.coldest_c > self.warmest_c:
            raise ValueError("coldest_c must not be above warmest_c")
        return self
