"""`[web]`: the page that `nightcal serve` shows."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from capture.config.fields import Name, Section


class WebConfig(Section):
    """`[web]`. Left out, there is no page.

    `apart`: `nightcal web` serves it, a process of its own, and the service does not.
    `certificate` and `key`: PEM files, relative to the config file; else a proxy should speak TLS.
    `behind_tls`: a proxy speaks it, so cookies go over TLS only.
    `allowed_hosts`: the names by which browsers may ask for the page, besides `host` and localhost.
    `proxies`: addresses whose X-Forwarded-... headers are believed, and `user_header` with them: the header
    in which a proxy names the account that it has signed in. `public_library`: masters without signing in.
    """

    host: Name = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    apart: bool = False
    certificate: Path | None = None
    key: Path | None = None
    allowed_hosts: tuple[Name, ...] = ()
    proxies: tuple[str, ...] = ()
    behind_tls: bool = False
    user_header: Annotated[str | None, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,60}$")] = None
    public_library: bool = True

    @field_validator("proxies")
    @classmethod
    def _addresses(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for address in proxies:
            try:
                ip_address(address)
            except ValueError as error:
                raise ValueError(f"{address!r} is no IP address; write it as 192.168.1.10") from error
        return proxies

    @model_validator(mode="after")
    def _whole(self) -> WebConfig:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together; give both, or neither")
        if self.user_header is not None and not self.proxies:
            raise ValueError("user_header needs proxies: from anybody else it would be a way in")
        return self

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach it by TLS alone."""
        return self.behind_tls or self.certificate is not None

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def anchored(self, folder: Path) -> WebConfig:
        """With files relative to `folder`."""
        if self.certificate is None or self.key is None:
            return self
        files = {name: (folder / path.expanduser()).resolve()
                 for name, path in (("certificate", self.certificate), ("key", self.key))}  # fmt: skip
        return self.model_copy(update=files)
