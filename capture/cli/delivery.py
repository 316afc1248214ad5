"""`nightcal delivery`: what is on its way to whom, and sending it by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, TypeVar

import typer

from capture.cli.ask import who
from capture.cli.console import console, journal_printer, show_json, show_table
from capture.cli.options import CONFIG, ConfigOption, JsonOption
from capture.clock import Clock, clock_of_this_process
from capture.config import Config, load_config
from capture.errors import BadInput
from capture.journal import Entry, Journal
from capture.library.delivery.parcels import PUBLIC, places_of, publish_masters
from capture.library.delivery.post import Post
from capture.store.archive import Archive
from capture.store.changes import Change, What
from capture.store.outbox import DeliveryState

T = TypeVar("T")

delivery_app = typer.Typer(help="What is on its way to whom; send it, or withdraw it.", no_args_is_help=True)


@delivery_app.command("list")
def list_deliveries(config: ConfigOption = CONFIG, as_json: JsonOption = False) -> None:
    """Show what waits, why it has not arrived, and how much has."""
    settings = load_config(config)

    def look(archive: Archive, _clock: Clock) -> None:
        outbox = archive.catalogue.outbox
        waiting, counts = outbox.waiting(), outbox.counts()
        if as_json:
            counted = [{"to": to, "state": state, "files": n} for (to, state), n in sorted(counts.items())]
            show_json({"waiting": [asdict(row) for row in waiting], "counts": counted})
            return
        if not counts:
            console.print("nothing was ever to be delivered; docs/delivery.md says how it is asked for")
            return
        summary = [(to, state, str(n)) for (to, state), n in sorted(counts.items())]
        show_table("", ("to", "state", "files"), summary)
        if waiting:
            rows = [
                (str(one.id), one.recipient, one.name, f"{one.queued:%m-%d %H:%M}", str(one.attempts))
                for one in waiting
            ]
            show_table("waiting", ("number", "to", "file", "since (UTC)", "tried"), rows)
            for reason in dict.fromkeys(f"{one.recipient}: {one.error}" for one in waiting if one.error):
                console.print(reason, markup=False, soft_wrap=True)

    _with_archive(settings, look)


@delivery_app.command("send")
def send(config: ConfigOption = CONFIG, as_json: JsonOption = False) -> None:
    """Send now what waits; masters to the public place too, where there is one."""
    settings = load_config(config)
    places = places_of(settings)
    if not places:
        raise BadInput("the config has no [[delivery]]: nobody has a place to send to")

    def go(archive: Archive, clock: Clock) -> int:
        journal = Journal(clock)
        journal.listen(journal_printer(as_json=as_json))
        if PUBLIC in places:
            publish_masters(archive, journal)
        clock.run(Post(places, archive, clock, journal).once)
        waiting = archive.catalogue.outbox.waiting()
        for recipient in sorted({row.recipient for row in waiting} - set(places)):
            journal.say("post", "alarm", f"there is no [[delivery]] to {recipient}, for whom files wait")
        return len(waiting)

    if _with_archive(settings, go):
        raise typer.Exit(1)


@delivery_app.command("withdraw")
def withdraw(
    number: Annotated[int, typer.Argument(help="The number that `delivery list` shows.")],
    why: Annotated[str, typer.Option("--why", help="For those who read it later.")] = "",
    config: ConfigOption = CONFIG,
) -> None:
    """Have a file not sent that waits; the file itself stays where it is."""
    settings = load_config(config)

    def take_back(archive: Archive, clock: Clock) -> None:
        row = archive.catalogue.outbox.withdraw(number)
        if row is None:
            raise BadInput(f"no delivery {number} waits; `nightcal delivery list` shows those that do")
        said = f"{row.name} is not sent to {row.recipient}: {who()}: {why or 'no reason given'}"
        archive.catalogue.add_entry(Entry(clock.now(), "post", DeliveryState.WITHDRAWN.value, said))
        text = f"{row.name} is not sent to {row.recipient}"
        archive.catalogue.changes.keep(Change(clock.now(), "", What.DELIVERY, who(), why, text))
        console.print(said)

    _with_archive(settings, take_back)


def _with_archive(settings: Config, work: Callable[[Archive, Clock], T]) -> T:
    clock = clock_of_this_process()
    archive = Archive.of(settings, clock)
    try:
        return work(archive, clock)
    finally:
        archive.close()
