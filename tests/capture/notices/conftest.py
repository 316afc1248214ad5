"""A town: an archive without devices, a crier in simulated time, and a sender that keeps what it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.config import Config, parse_config
from capture.errors import NotTold, StoreError
from capture.journal import Entry, Journal
from capture.notices.apprising import Message
from capture.notices.crier import Crier
from capture.store.archive import Archive
from tests.conftest import DUSK, TWO_RIGS

NOTIFY = """
[notify]
interval_min = 30
mail_env = "TOWN_MAIL"
[[notify.channel]]
name = "ops"
url_env = "TOWN_OPS"
[[notify.channel]]
name = "nightly"
url_env = "TOWN_NIGHTLY"
events = ["night_report"]
"""
OPS, NIGHTLY = "json://ops:opspassword@ops.invalid/path", "json://nightly.invalid"
UNREADABLE = date(2026, 11, 20)
MAIL = "mailto://farm:mailpassword@mail.invalid?from=farm@mail.invalid&to=nobody@mail.invalid"


@dataclass
class Sent:
    """One message that has reached an address, and when."""

    time: datetime
    url: str
    message: Message


@dataclass
class PenAndPaper:
    """A Sender. `away`: URLs that take nothing; `broken`: whose way there has a fault of its own."""

    clock: SimulatedClock
    sent: list[Sent] = field(default_factory=list)
    away: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    tried: int = 0

    def send(self, url: str, message: Message, over: Callable[[], bool]) -> None:
        self.tried += 1
        if url in self.broken:
            raise ZeroDivisionError
        if url in self.away:
            raise NotTold("nobody is there")
        self.sent.append(Sent(self.clock.now(), url, message))

    def to(self, url: str) -> list[Sent]:
        return [one for one in self.sent if one.url == url]


@dataclass
class Town:
    """Where somebody is told. Each `open` is a service from its start to its end."""

    config: Config
    clock: SimulatedClock
    sender: PenAndPaper
    entries: list[Entry] = field(default_factory=list)

    @contextmanager
    def open(self) -> Iterator[tuple[Archive, Journal]]:
        assert self.config.notify is not None
        with closing(Archive.of(self.config, self.clock)) as archive:
            journal = Journal(self.clock)
            journal.listen(self.entries.append)
            crier = Crier(self.config, self.config.notify, archive, journal.say, self.sender, report)
            journal.listen(crier.hear)
            archive.listen(crier.hear)
            worker = self.clock.spawn(crier.run, "crier", 90)
            try:
                yield archive, journal
            finally:
                crier.end()
                worker.join()

    def live(self, story: Callable[[Archive, Journal], None]) -> None:
        """One service in which that happens."""

        def body() -> None:
            with self.open() as (archive, journal):
                story(archive, journal)

        self.clock.run(body)

    def rest(self, **length: float) -> None:
        self.clock.sleep(timedelta(**length).total_seconds())


def report(night: date) -> Message:
    if night == UNREADABLE:
        raise StoreError("the archive cannot be read")
    return Message(f"the night {night}", "<p>It went well.</p>", is_html=True)


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    for name, url in (("OPS", OPS), ("NIGHTLY", NIGHTLY), ("MAIL", MAIL)):
        monkeypatch.setenv(f"TOWN_{name}", url)
    clock = SimulatedClock(DUSK, timedelta(days=10))
    config = parse_config(TWO_RIGS.format(server="127.0.0.1:1") + NOTIFY, tmp_path / "nightcal.toml")
    return Town(config, clock, PenAndPaper(clock))
