"""`nightcal notify` and `nightcal users notify`: who is told of what, and whether it reaches them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from capture.cli.console import console, show_json, show_table
from capture.cli.members import users_app
from capture.cli.options import CONFIG, ConfigOption, JsonOption
from capture.clock import clock_of_this_process
from capture.config import Config, NotifyConfig, load_config
from capture.errors import BadInput, NotTold
from capture.members.accounts import member
from capture.notices.addresses import Address, channels, check_person, mail_account, persons
from capture.notices.apprising import AppriseSender, Message
from capture.notices.own_address import topics_of
from capture.store.archive import Archive
from capture.store.notices import NoticeRow

T = TypeVar("T")

notify_app = typer.Typer(help="Who is told of what, and whether it reaches them.", no_args_is_help=True)
_NONE = "the config has no [notify]: nobody is told of anything; docs/notifications.md says how"


@notify_app.command("test")
def send_test(
    to: Annotated[str, typer.Option("--to", help="This one alone, as @channel or account.")] = "",
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Send a test message to each address, and say what came of it."""
    addresses = _with(config, _addresses)
    if to:
        addresses = [one for one in addresses if one.recipient.partition("#")[0] == to]
    if not addresses:
        raise BadInput(f"nobody has the name {to!r}" if to else "nobody is to be told of anything yet")
    site, sender = load_config(config).site.name, AppriseSender()
    message = Message(f"{site}: a test", "This is a test of nightcal's messages; nothing has happened.")
    said: dict[str, str] = {}
    for one in addresses:
        try:
            sender.send(one.url, message)
            said[str(one)] = ""
        except NotTold as error:
            said[str(one)] = str(error)
        if not as_json:
            console.print(f"{one}: {said[str(one)] or 'sent'}", markup=False, soft_wrap=True)
    if as_json:
        show_json([{"to": name, "sent": not error, "error": error} for name, error in said.items()])
    if any(said.values()):
        raise typer.Exit(1)


@notify_app.command("list")
def list_notices(config: ConfigOption = CONFIG, as_json: JsonOption = False) -> None:
    """Show who is told of what, and what waits to be told or was given up."""

    def look(settings: Config, archive: Archive) -> tuple[list[Address], list[NoticeRow]]:
        notices = archive.catalogue.notices
        return _addresses(settings, archive), [*notices.waiting(), *notices.failed()]

    addresses, rows = _with(config, look)
    if as_json:
        show_json({
            "addresses": [{"to": str(one), "events": sorted(one.topics)} for one in addresses],
            "notices": [
                {"to": row.account, "event": row.event, "made": row.made.isoformat(), "title": row.title,
                 "state": row.state, "attempts": row.attempts, "error": row.error}
                for row in rows
            ],
        })  # fmt: skip
        return
    show_table("", ("to", "events"), [(one, ", ".join(sorted(one.topics))) for one in addresses], (0, 1))
    if rows:
        table = [(r.account, r.event, f"{r.made:%m-%d %H:%M}", r.state, r.attempts, r.error) for r in rows]
        show_table("not told", ("to", "event", "since (UTC)", "state", "tried", "why"), table, (0, 1, 5))


@users_app.command("notify")
def notify(
    name: Annotated[str, typer.Argument(help="The account.")],
    address: Annotated[
        str, typer.Argument(help="A mail address, or a URL of Apprise; - reads it from standard input.")
    ] = "",
    none: Annotated[bool, typer.Option("--none", help="Tell them nothing any more.")] = False,
    events: Annotated[str, typer.Option("--events", help="Of operators', separated by commas.")] = "",
    config: ConfigOption = CONFIG,
) -> None:
    """Tell an account's person when a request is ready, and operators of the events that they choose."""
    if none == bool(address):
        raise BadInput("name an address, or --none")

    def keep(settings: Config, archive: Archive) -> None:
        if none:
            archive.catalogue.accounts.set_address(name, None)
            return
        actor = member(archive.catalogue.accounts, name)
        topics = topics_of(events.split(","), actor.role.word, name)
        url = sys.stdin.readline().strip() if address == "-" else address
        check_person(url, _notify(settings))
        archive.catalogue.accounts.set_address(name, url, topics)

    _with(config, keep)


def _notify(settings: Config) -> NotifyConfig:
    if settings.notify is None:
        raise BadInput(_NONE)
    return settings.notify


def _addresses(settings: Config, archive: Archive) -> list[Address]:
    config = _notify(settings)
    found = channels(config)
    return [*found, *persons(archive.catalogue.accounts.addresses(), mail_account(config))]


def _with(config: Path, work: Callable[[Config, Archive], T]) -> T:
    settings = load_config(config)
    archive = Archive.of(settings, clock_of_this_process())
    try:
        return work(settings, archive)
    finally:
        archive.close()
