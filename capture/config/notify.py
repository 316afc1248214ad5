"""`[notify]`: who is told of what, and by which way; addresses with secrets in them are kept elsewhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from capture.config.fields import Name, Section


class Topic(StrEnum):
    """What operators can be told of.

    `alarm`: what a person should look at. `stale`: frames that are too old. `delivery`: files that do not
    reach their place. `withdrawn`: frames set aside, masters withdrawn. `request`: what became of a member's
    request. `night_report`: the night that has ended.
    """

    ALARM = "alarm"
    STALE = "stale"
    DELIVERY = "delivery"
    WITHDRAWN = "withdrawn"
    REQUEST = "request"
    NIGHT_REPORT = "night_report"


def _no_url(path: Path) -> Path:
    if ":/" in str(path):
        raise ValueError("this names a file; write the URL into that file, and its name here")
    return path


_File = Annotated[Path, AfterValidator(_no_url)]
_EnvironmentVariable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,80}$")]
_MOST_MINUTES = 24 * 60.0


class ChannelConfig(Section):
    """`[[notify.channel]]`: operators' addresses, as URLs that Apprise knows, and what they are told of.

    They stand one a line in `url_file`, relative to the config file, or in the variable `url_env`.
    """

    name: Name
    url_file: _File | None = None
    url_env: _EnvironmentVariable | None = None
    events: Annotated[tuple[Topic, ...], Field(min_length=1)] = tuple(Topic)

    @model_validator(mode="after")
    def _one_place(self) -> ChannelConfig:
        if (self.url_file is None) == (self.url_env is None):
            raise ValueError(f"the channel {self.name} needs a url_file or a url_env, and not both")
        return self


class NotifyConfig(Section):
    """`[notify]`. Left out, nobody is told of anything beside the page and the terminal.

    `interval_min`: nobody gets more than one message, and one for alarms, in so many minutes; what happens
    between is told with the next. `mail_file` or `mail_env`: the mail account, as an Apprise URL, from
    which persons are written to whose address is a plain one, as ada@example.org.
    """

    interval_min: Annotated[float, Field(gt=0, le=_MOST_MINUTES)] = 30.0
    mail_file: _File | None = None
    mail_env: _EnvironmentVariable | None = None
    channel: tuple[ChannelConfig, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> NotifyConfig:
        names = [one.name for one in self.channel]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two [[notify.channel]] have the name {name}; each needs its own")
        if self.mail_file is not None and self.mail_env is not None:
            raise ValueError("mail_file and mail_env name the same account; give one of them")
        return self

    def anchored(self, folder: Path) -> NotifyConfig:
        """With files relative to `folder`."""
        channel = tuple(
            one if one.url_file is None else one.model_copy(update={"url_file": _in(folder, one.url_file)})
            for one in self.channel
        )
        update: dict[str, Any] = {"channel": channel}
        if self.mail_file is not None:
            update["mail_file"] = _in(folder, self.mail_file)
        return self.model_copy(update=update)


def _in(folder: Path, path: Path) -> Path:
    return (folder / path.expanduser()).resolve()
