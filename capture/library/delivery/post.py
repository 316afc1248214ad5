"""The post: takes the outbox's files to their places, and tries for as long as it takes.

Each recipient has a worker and a connection: a place that is down holds up nobody else. A file is sent again
when a place did not take it whole, after a minute, then after twice as long each time, up to an hour; it
waits in the archive meanwhile, and nothing of it is lost when the service ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile

from capture.clock import Clock, Signal, Worker
from capture.config import Config
from capture.errors import BadInput, DeliveryError, StoreError
from capture.journal import Journal
from capture.library.delivery.opening import open_place
from capture.library.delivery.parcels import PUBLIC, index_of_masters, places_of, publish_masters
from capture.library.delivery.place import Place
from capture.library.delivery.remote import Remote, SourceLost, put_whole
from capture.redacting import without
from capture.store.archive import Archive
from capture.store.outbox import MANIFEST, DeliveryRow, DeliveryState, Outbox

WITHDRAWN = "withdrawn"
_FIRST_WAIT_S = 60.0
_LONGEST_WAIT_S = 3600.0
_LOOK_S = 60.0
_TOLD_EVERY_S = 86_400.0
_PUBLISH_EVERY_S = 600.0
# After whatever has to do with devices.
_RANK = 90
# So many files refused one after the other, and it is the place that does not work.
_IN_A_ROW = 3
_CHUNK_BYTES = 4 * 1024 * 1024


class Route:
    """The way to one recipient."""

    def __init__(
        self,
        recipient: str,
        place: Place,
        outbox: Outbox,
        root: Path,
        clock: Clock,
        journal: Journal,
        opening: Callable[[Place], Remote] = open_place,
        index: Callable[[], str] = str,
    ) -> None:
        """`root` is what the outbox's paths are relative to; `index` writes what is no manifest nor file."""
        self._index = index
        self.recipient = recipient
        self._place = place
        self._outbox = outbox
        self._root = root
        self._clock = clock
        self._journal = journal
        self._opening = opening
        self._remote: Remote | None = None
        self._failures = 0
        self._told_at: float | None = None

    def run(self, over: Signal) -> None:
        """Deliver until `over` is set. A catalogue that is away is waited for."""
        try:
            while not over.is_set():
                try:
                    wait_s = self.round(over)
                except StoreError as error:
                    self._alarm(f"nothing can be delivered to {self.recipient}: {error}")
                    wait_s = _LONGEST_WAIT_S
                over.wait(wait_s)
        finally:
            self._hang_up()

    def round(self, over: Signal) -> float:
        """Send what waits; return the seconds until the next round is worth while. Raises StoreError."""
        failed: Exception | None = None
        in_a_row = 0
        while failed is None and (rows := self._outbox.waiting(self.recipient)):
            for number, row in enumerate(rows):
                if over.is_set():
                    return 0.0
                try:
                    self._send(row)
                    in_a_row = 0
                except SourceLost as error:
                    self._outbox.withdraw(row.id)
                    self._alarm(f"{row.name} is not delivered to {self.recipient}: {error}")
                except (DeliveryError, BadInput) as error:
                    # One file that a server does not like holds up no other; a server that is down does.
                    self._outbox.fail(row.id, self._without_secret(error))
                    failed, in_a_row = error, in_a_row + 1
                    signed_in = self._remote is not None
                    self._hang_up()
                    if not signed_in or in_a_row >= _IN_A_ROW:
                        return self._put_off(error, len(rows) - number)
        self._hang_up()
        if failed is not None:
            return self._put_off(failed, len(self._outbox.waiting(self.recipient)))
        if self._failures:
            self._journal.say("post", "delivery", f"{self._place} has taken all that waited")
        self._failures, self._told_at = 0, None
        return _LOOK_S

    def _send(self, row: DeliveryRow) -> None:
        if row.state is DeliveryState.RECALLED:
            self._set_aside(row)
            return
        if row.path is None:
            self._send_made(row)
            return
        source = self._root / row.path
        if not row.begun:
            _check(source, row)
            self._outbox.begin(row.id)
        put_whole(self._connected(), source, row.name, begun=row.begun)
        self._outbox.deliver(row.id, source.stat().st_size, self._clock.now())
        self._say(row, f"{row.name} has reached {self.recipient}")

    def _set_aside(self, row: DeliveryRow) -> None:
        remote = self._connected()
        remote.make_folder(WITHDRAWN)
        # It may have been done, and only the word of it lost.
        if remote.size(row.name) is not None:
            remote.rename(row.name, f"{WITHDRAWN}/{row.name.rpartition('/')[2]}")
        self._outbox.set_aside(row.id, self._clock.now())
        self._say(row, f"{row.name} is set aside at {self.recipient}")

    def _send_made(self, row: DeliveryRow) -> None:
        """Send what is written now: a manifest, or what the index of it has to tell."""
        is_manifest = row.name.rpartition("/")[2] == MANIFEST
        text = self._manifest(row.folder) if is_manifest else self._index()
        with NamedTemporaryFile("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            size_bytes = put_whole(self._connected(), Path(file.name), row.name)
        self._outbox.deliver(row.id, size_bytes, self._clock.now())

    def _manifest(self, folder: str) -> str:
        """What has arrived in the folder, as `sha256sum --check` reads it."""
        arrived = self._outbox.delivered_in(self.recipient, folder)
        return "".join(f"{one.sha256}  {one.name.rpartition('/')[2]}\n" for one in arrived)

    def _connected(self) -> Remote:
        if self._remote is None:
            self._remote = self._opening(self._place)
        return self._remote

    def _hang_up(self) -> None:
        if self._remote is not None:
            self._remote.close()
            self._remote = None

    def _put_off(self, error: Exception, waiting: int) -> float:
        """Say once a day that the place is down, and return how long to leave it alone."""
        self._failures += 1
        wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (self._failures - 1))
        needs_a_person = not isinstance(error, DeliveryError) or error.needs_a_person
        if needs_a_person:
            wait_s = _LONGEST_WAIT_S
        now = self._clock.monotonic()
        if self._told_at is None or now - self._told_at >= _TOLD_EVERY_S:
            self._told_at = now
            files = f"{waiting} file{'s' if waiting > 1 else ''} for {self.recipient}"
            remedy = "somebody must mend that" if needs_a_person else "it is tried until it works"
            why = self._without_secret(error)
            self._alarm(f"{files} cannot be delivered to {self._place}: {why}; {remedy}")
        return wait_s

    def _without_secret(self, error: Exception) -> str:
        # A server's answer may repeat what it was told.
        return without(str(error), [self._place.secret])

    def _say(self, row: DeliveryRow, text: str) -> None:
        self._journal.say("post", "delivery", text, to=self.recipient, file=row.name)

    def _alarm(self, text: str) -> None:
        self._journal.say("post", "alarm", text, to=self.recipient)


def _check(source: Path, row: DeliveryRow) -> None:
    """Raise SourceLost unless the file is still what was to be sent."""
    found = hashlib.sha256()
    try:
        with source.open("rb") as file:
            while block := file.read(_CHUNK_BYTES):
                found.update(block)
    except OSError as error:
        raise SourceLost(f"{source} cannot be read any more: {error.strerror or error}") from error
    if found.hexdigest() != row.sha256:
        raise SourceLost(f"{source} is not what it was when it was to be sent")


class Post:
    """All recipients' routes."""

    def __init__(
        self,
        places: Mapping[str, Place],
        archive: Archive,
        clock: Clock,
        journal: Journal,
        opening: Callable[[Place], Remote] = open_place,
    ) -> None:
        """`places` by recipient."""
        self._archive = archive
        self._clock = clock
        self._journal = journal
        self._public = PUBLIC in places
        self._over = clock.signal()
        outbox, index = archive.catalogue.outbox, partial(index_of_masters, archive)
        self._routes = [
            Route(recipient, place, outbox, archive.root, clock, journal, opening, index)
            for recipient, place in places.items()
        ]
        self._workers: list[Worker] = []

    def start(self, rank: int = _RANK) -> None:
        """Deliver, each recipient by a worker of its own, until `stop`; masters as they come to be."""
        if self._public:
            self._workers.append(self._clock.spawn(self._publish, "publisher", rank))
        for route in self._routes:
            work = partial(route.run, self._over)
            self._workers.append(self._clock.spawn(work, f"post to {route.recipient}", rank))

    def stop(self) -> None:
        """End in good order: a file under way goes on where it stands, the next time. Raises StoreError."""
        self._over.set()
        for worker in self._workers:
            worker.join()

    def _publish(self) -> None:
        while not self._over.is_set():
            try:
                publish_masters(self._archive, self._journal)
            except StoreError as error:
                self._journal.say("post", "alarm", f"masters are not published: {error}")
            self._over.wait(_PUBLISH_EVERY_S)

    def once(self) -> None:
        """One round to each recipient, one after the other. Raises StoreError."""
        for route in self._routes:
            route.round(self._over)


@contextmanager
def delivering(config: Config, archive: Archive, journal: Journal) -> Iterator[None]:
    """Deliver within the `with`, where the config has places. Raises BadInput for one that cannot be."""
    places = places_of(config)
    if not places:
        yield
        return
    post = Post(places, archive, archive.clock, journal)
    post.start()
    try:
        yield
    finally:
        post.stop()
