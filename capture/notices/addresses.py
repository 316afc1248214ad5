"""Addresses: URLs that Apprise knows, and what may be shown of them: their kind alone."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from capture.config import NotifyConfig, Topic
from capture.errors import BadInput
from capture.notices.apprising import scheme_of, understood
from capture.store.accounts import AddressRow

_PLAIN_MAIL = re.compile(r"[^@\s/:?&#]+@[^@\s/:?&#]+\.[^@\s/:?&#]+")
_MAIL = ("mailto", "mailtos")
OPERATORS = ("operator", "admin")


@dataclass(frozen=True)
class Address:
    """One way to one recipient. `recipient`: an account, or `@channel`, `@channel#2` for its second URL.

    `topics`: what it is told of beside what is the person's own.
    """

    recipient: str
    url: str = field(repr=False)
    topics: frozenset[Topic]

    @property
    def kind(self) -> str:
        """The URL's scheme: all of it that is no secret."""
        return scheme_of(self.url)

    def __str__(self) -> str:
        return f"{self.recipient} ({self.kind})"


def channels(config: NotifyConfig) -> list[Address]:
    """The operators' addresses. Raises BadInput, which shows no URL, when one cannot be had or understood."""
    found = []
    for channel in config.channel:
        what = f"[[notify.channel]] {channel.name}"
        for number, url in enumerate(_urls(what, channel.url_file, channel.url_env, "url"), start=1):
            _check(url, f"{what}: URL {number}")
            recipient = f"@{channel.name}" + (f"#{number}" if number > 1 else "")
            found.append(Address(recipient, url, frozenset(channel.events)))
    mail_account(config)
    return found


def mail_account(config: NotifyConfig) -> str | None:
    """The URL of the mail account; None without one. Raises BadInput as `channels` does."""
    if config.mail_file is None and config.mail_env is None:
        return None
    urls = _urls("[notify]", config.mail_file, config.mail_env, "mail")
    if len(urls) != 1 or scheme_of(urls[0]) not in _MAIL:
        raise BadInput("[notify] mail must be one URL that begins with mailto:// or mailtos://")
    _check(_written_to(urls[0], "somebody@example.org"), "[notify] mail")
    return urls[0]


def persons(rows: Iterable[AddressRow], mail: str | None) -> list[Address]:
    """Accounts with an address. Only operators are told what is operators'; who needs `mail` waits for it."""
    found = []
    for row in rows:
        url = row.url
        if is_plain_mail(url):
            if mail is None:
                continue
            url = _written_to(mail, url)
        told = row.events if row.role in OPERATORS else ()
        found.append(Address(row.account, url, frozenset(Topic(one) for one in told if one in list(Topic))))
    return found


def is_plain_mail(text: str) -> bool:
    """Whether it is a mail address and nothing else."""
    return _PLAIN_MAIL.fullmatch(text) is not None


def check_person(url: str, config: NotifyConfig) -> None:
    """Raise BadInput, which does not show `url`, unless somebody can be told there."""
    if is_plain_mail(url):
        mail = mail_account(config)
        if mail is None:
            raise BadInput(
                "a plain mail address needs [notify] mail_file or mail_env, the account to write from"
            )
        url = _written_to(mail, url)
    _check(url, "the address")


def _written_to(account: str, address: str) -> str:
    """The mail account's URL with that recipient, and no other."""
    head, _, query = account.partition("?")
    others = [part for part in query.split("&") if part and part.partition("=")[0] not in ("to", "cc", "bcc")]
    return f"{head}?{'&'.join([*others, f'to={quote(address)}'])}"


def _urls(what: str, file: Path | None, variable: str | None, key: str) -> list[str]:
    if file is not None:
        where, text = f"{what} {key}_file {file}", _read(file, f"{what} {key}_file")
    else:
        name = variable or ""
        where, text = f"{what} {key}_env {name}", os.environ.get(name, "")
    lines = [line.strip() for line in text.splitlines()]
    urls = [line for line in lines if line and not line.startswith("#")]
    if not urls:
        unset = "is not set, or " if file is None else ""
        raise BadInput(f"{where} {unset}holds no URL; write one a line, or take it out of the config")
    return urls


def _read(file: Path, what: str) -> str:
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{what} {file} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise BadInput(f"{what} {file} is no text; write one URL a line") from None
    if mode & 0o077:
        raise BadInput(f"others can read {what} {file}; chmod 600 it")
    return text


def _check(url: str, what: str) -> None:
    if not understood(url):
        raise BadInput(f"{what} is none that Apprise understands; docs/notifications.md has examples")
