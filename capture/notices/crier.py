"""The crier: keeps what somebody is to be told in the catalogue, and tells them, for a day if it must be.

It is a worker of its own that listens to the journal. Rigs and guard hand it a word and go on; what it is
doing, and whether it succeeds, they never learn.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import partial

from capture.config import Config, NotifyConfig, Topic
from capture.errors import ClockError, StoreError
from capture.journal import Entry
from capture.notices.addresses import Address, channels, mail_account, persons
from capture.notices.apprising import Message, Sender
from capture.notices.attempts import TRIED_FOR, Attempts, Say
from capture.notices.pacing import SOURCE, is_due, title_of, topic_of
from capture.notices.wording import message_of
from capture.store.archive import Archive
from capture.store.notices import NewNotice, NoticeRow, NoticeState

_LOOK_S, _LOOK_IN_SIMULATED_TIME_S = 60.0, 300.0
# What is heard while the catalogue is away; so many are worth the memory.
_MOST_HEARD = 2000
_LEASE, _LEASE_LASTS = "@notices", timedelta(minutes=5)

Report = Callable[[date], Message]


def notices_of(entry: Entry, addresses: Sequence[Address]) -> list[NewNotice]:
    """Whom of these an entry of the journal is for, a notice each."""
    topic = topic_of(entry)
    if topic is None:
        return []
    about, owner = (entry.data.get(key) for key in ("to", "owner"))
    return [
        NewNotice(one.recipient, topic.value, title_of(entry, topic), entry.text, entry.time)
        for one in addresses
        if (topic in one.topics or (topic is Topic.WITHDRAWN and owner == one.recipient))
        and not (entry.source == SOURCE and about == one.recipient)
    ]


def keep_notices(config: Config, archive: Archive, entry: Entry) -> None:
    """Keep what a command has done for the service, which tells it within a minute.

    Raises StoreError, and BadInput where an address of the config cannot be had here.
    """
    if config.notify is not None:
        known = persons(archive.catalogue.accounts.addresses(), mail_account(config.notify))
        archive.catalogue.notices.add_all(notices_of(entry, [*channels(config.notify), *known]))


class Crier:
    """Listens to a journal by `hear`, and lives by `run` on a worker of its own until `end`."""

    def __init__(
        self, config: Config, notify: NotifyConfig, archive: Archive, say: Say, sender: Sender, report: Report
    ) -> None:
        """`say` is the journal's; `report` makes the message of a night. Raises BadInput as `channels`."""
        self._channels = channels(notify)
        self._mail = mail_account(notify)
        self._interval = timedelta(minutes=notify.interval_min)
        self._rigs = frozenset(rig.name for rig in config.rig)
        # Other machines may work into the same catalogue, and one of them does the telling.
        self._shared = config.storage.database is not None
        self._archive, self._say, self._report, self._clock = archive, say, report, archive.clock
        self._attempts = Attempts(sender, archive.clock, say, lambda: self._over)
        self._heard: deque[Entry] = deque(maxlen=_MOST_HEARD)
        self._news = archive.clock.signal()
        self._over = False
        self._addresses: list[Address] = list(self._channels)
        self._unkept: list[NewNotice] = []
        self._ended: dict[date, set[str]] = {}
        self._reported: date | None = None
        self._unmarked: dict[int, datetime] = {}
        self._told_unkept: dict[str, datetime] = {}

    def hear(self, entry: Entry) -> None:
        """Take an entry of the journal, from any thread; never waits."""
        if topic_of(entry) is not None or "ended" in entry.data:
            self._heard.append(entry)
            self._news.set()

    def end(self) -> None:
        """Let `run` come to its end; what waits is told after the next start."""
        self._over = True
        self._news.set()

    def run(self) -> None:
        """Tell what is to be told until `end`. Whatever goes wrong is said once and tried again."""
        said = ""
        while not self._over:
            self._news.clear()
            try:
                self.round()
                said = ""
            except ClockError:
                raise
            except Exception as error:
                # Nobody is worse off than without it, and the next round may do better.
                if (told := f"nobody can be told of anything: {error or type(error).__name__}") != said:
                    said = told
                    self._say(SOURCE, "trouble", told)
            self._news.wait(_LOOK_IN_SIMULATED_TIME_S if self._clock.jumps else _LOOK_S)
        self._keep()

    def round(self) -> None:
        """Keep what was heard, and tell who is due. Raises StoreError."""
        try:
            self._addresses = [
                *self._channels,
                *persons(self._archive.catalogue.accounts.addresses(), self._mail),
            ]
        except StoreError:
            self._keep()
            raise
        if not self._keep() or (self._shared and not self._is_ours()):
            return
        self._note_reports()
        self._mark()
        waiting: dict[str, list[NoticeRow]] = {}
        for row in self._archive.catalogue.notices.waiting():
            if not self._given_up(row):
                waiting.setdefault(row.account, []).append(row)
        for address in self._addresses:
            if self._over:
                return
            if address.recipient in waiting and self._attempts.may_try(address):
                self._tell(address, waiting[address.recipient])

    def _keep(self) -> bool:
        """Bring what was heard into the catalogue; without one, tell of alarms from memory."""
        while self._heard:
            entry = self._heard.popleft()
            if "ended" in entry.data:
                night = date.fromisoformat(str(entry.data["ended"]))
                self._ended.setdefault(night, set()).add(entry.source)
            self._unkept = [*self._unkept, *notices_of(entry, self._addresses)][-_MOST_HEARD:]
        if not self._unkept:
            return True
        try:
            self._archive.catalogue.notices.add_all(self._unkept)
        except StoreError:
            self._cry_unkept()
            return False
        self._unkept = []
        return True

    def _cry_unkept(self) -> None:
        """A catalogue that is away, as on a full disk, is just what somebody must hear of."""
        now = self._clock.now()
        for address in self._addresses:
            mine = [
                one for one in self._unkept if one.account == address.recipient and one.event == Topic.ALARM
            ]
            last = self._told_unkept.get(address.recipient)
            if not mine or self._over or (last is not None and now - last < self._interval):
                continue
            if not self._attempts.may_try(address):
                continue
            if not self._attempts.send(address, partial(message_of, mine, self._archive.site.name)):
                self._told_unkept[address.recipient] = now
                self._unkept = [one for one in self._unkept if one not in mine]

    def _note_reports(self) -> None:
        """A night is reported when every rig has ended it, at the latest at its noon."""
        now, site = self._clock.now(), self._archive.site
        yesterday = site.night_of(now) - timedelta(days=1)
        for night in [one for one, rigs in self._ended.items() if rigs >= self._rigs and not self._shared]:
            self._note_report(night)
            del self._ended[night]
        if self._reported is None or self._reported < yesterday:
            if self._archive.catalogue.runs(night=yesterday):
                self._note_report(yesterday)
            self._reported = yesterday

    def _note_report(self, night: date) -> None:
        event, now = Topic.NIGHT_REPORT.value, self._clock.now()
        names = [one.recipient for one in self._addresses if event in one.topics]
        self._archive.catalogue.notices.add_all(
            NewNotice(name, event, event, night.isoformat(), now, f"report {night} {name}") for name in names
        )

    def _given_up(self, row: NoticeRow) -> bool:
        """Whether it was tried for a day, or is of somebody without an address for as long; told so then."""
        known = any(one.recipient == row.account for one in self._addresses)
        if self._clock.now() - row.made <= TRIED_FOR or (known and not row.attempts):
            return False
        error = row.error or "there was no address to tell it at"
        self._archive.catalogue.notices.mark([row.id], NoticeState.FAILED, None, error)
        return True

    def _tell(self, address: Address, rows: Sequence[NoticeRow]) -> None:
        notices = self._archive.catalogue.notices
        reports = [row for row in rows if row.event == Topic.NIGHT_REPORT]
        others = [row for row in rows if row.event != Topic.NIGHT_REPORT]
        batches = [[row] for row in reports]
        told = notices.last_told(address.recipient)
        if others and is_due({row.event for row in others}, told, self._clock.now(), self._interval):
            batches.insert(0, others)
        for batch in batches:
            error = self._attempts.send(address, partial(self._message, batch))
            if error:
                notices.mark([row.id for row in batch], NoticeState.WAITING, None, error)
                return
            self._unmarked |= {row.id: self._clock.now() for row in batch}
            self._mark()

    def _message(self, batch: Sequence[NoticeRow]) -> Message:
        if batch[0].event != Topic.NIGHT_REPORT:
            return message_of(batch, self._archive.site.name)
        night = date.fromisoformat(batch[0].body)
        try:
            return self._report(night)
        except ClockError:
            raise
        except Exception as error:
            # A night that cannot be told of is news as well, and no other message waits for it.
            return Message(
                f"{self._archive.site.name}: no report of the night of {night}", f"It failed: {error}"
            )

    def _mark(self) -> None:
        """Mark as told what was; until the catalogue takes that, nothing else is told, and nothing twice."""
        for number, when in list(self._unmarked.items()):
            self._archive.catalogue.notices.mark([number], NoticeState.TOLD, when)
            del self._unmarked[number]

    def _is_ours(self) -> bool:
        leases = self._archive.catalogue.leases
        return leases.take(_LEASE, socket.gethostname(), self._clock.now(), _LEASE_LASTS) is not None
