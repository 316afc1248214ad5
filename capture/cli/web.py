"""`nightcal web`: the page as a process of its own."""

from __future__ import annotations

import threading
from contextlib import closing

from capture.cli.console import journal_printer
from capture.cli.options import CONFIG, ConfigOption, JsonOption
from capture.cli.stopping import stops_in_good_order
from capture.clock import clock_of_this_process
from capture.config import load_config
from capture.errors import BadInput, Stopped
from capture.journal import Journal
from capture.notify import notify
from capture.store.archive import Archive
from capture.web.desk import Desk
from capture.web.server import page_served


def web(config: ConfigOption = CONFIG, as_json: JsonOption = False) -> None:
    """Serve the page alone; it stays while the service is away, with what the catalogue has."""
    settings, clock = load_config(config), clock_of_this_process()
    if settings.web is None:
        raise BadInput(f"{config} has no [web]; docs/web.md says what it takes")
    journal, ended = Journal(clock), threading.Event()
    journal.listen(journal_printer(as_json=as_json))
    if not settings.web.apart:
        journal.say(
            "nightcal",
            "note",
            "a service of this config wants to serve it, too: write apart = true into [web]",
        )
    with closing(Archive.of(settings, clock)) as archive, stops_in_good_order(ended.set):
        with page_served(Desk(settings, archive), journal, lambda: notify(WATCHDOG=1)):
            notify(READY=1)
            ended.wait()
        notify(STOPPING=1)
    raise Stopped("stopped by the operator")
