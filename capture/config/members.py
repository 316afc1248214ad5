"""The sections of members: what they may ask for, and how persons are told of what happens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from capture.config.fields import PositiveSeconds, Section

NotifyEvent = Literal["request_ready", "alarm", "night_report"]


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


class NotifyPersonConfig(Section):
    """`[[notify.person]]`: whom to tell of what, and where.

    `account`: of a member their own requests are told. `urls_file`: Apprise's addresses, one a line, relative
    to the config file: they hold secrets.
    """

    account: Annotated[str, Field(min_length=1, max_length=40)]
    urls_file: Path
    events: tuple[NotifyEvent, ...] = ("request_ready",)


class NotifyConfig(Section):
    """`[notify]`. A person is told at most every `digest_s`; what comes meanwhile is told together."""

    digest_s: Annotated[float, Field(ge=0, le=86400)] = 900.0
    timeout_s: PositiveSeconds = 30.0
    person: tuple[NotifyPersonConfig, ...] = ()

    @model_validator(mode="after")
    def _once_each(self) -> NotifyConfig:
        names = [one.account for one in self.person]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f"two [[notify.person]] are for {name}; put all of its addresses in one file"
                )
        return self

    def anchored(self, folder: Path) -> NotifyConfig:
        """With files relative to `folder`."""
        persons = tuple(
            one.model_copy(update={"urls_file": (folder / one.urls_file.expanduser()).resolve()})
            for one in self.person
        )
        update: dict[str, Any] = {"person": persons}
        return self.model_copy(update=update)
