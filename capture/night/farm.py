"""The farm of one config: its guard, rigs, archive and writer, opened together and closed in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date

from capture.clock import Clock
from capture.config import Config, RigConfig
from capture.device_locks import holding
from capture.errors import NightcalError, Stopped
from capture.guard.client import GuardClient, OpenAir
from capture.guard.remote import guarded_from_afar
from capture.guard.wiring import guarding
from capture.journal import Journal
from capture.library.masters import build_masters
from capture.library.rebuild import adopt_masters
from capture.night.board import tell_stale
from capture.night.request_turns import RequestTurns
from capture.night.reservations import NoReservations, Reservations
from capture.night.rig_leases import leasing
from capture.night.rig_night import RigNight
from capture.night.run import Runner
from capture.night.writer import Writer
from capture.rig.interlock import Interlock
from capture.rig.patience import Patience
from capture.rig.rig import Rig
from capture.store.archive import Archive
from capture.store.rows import MasterRow

_RIG_RANK = 20


@dataclass
class NightResult:
    """How the night went: by rig None or why it was given up; the masters that were built."""

    night: date
    failures: dict[str, str] = field(default_factory=dict)
    masters: list[MasterRow] = field(default_factory=list)
    stopped: bool = False


class Farm:
    """Everything that runs; made by `open_farm`, used by workers of its clock."""

    def __init__(
        self,
        config: Config,
        guard: GuardClient,
        archive: Archive,
        writer: Writer,
        clock: Clock,
        journal: Journal,
        reservations: NoReservations | None = None,
    ) -> None:
        site = config.site.site()
        self.config = config
        self.site = site
        self.guard = guard
        self.archive = archive
        self.writer = writer
        self.journal = journal
        self.clock = clock
        shared = config.guard.folder if config.guard is not None else config.storage.folder
        interlock = Interlock(shared / "interlock")
        self.rigs = {
            rig.name: Rig(rig, site, guard, clock, journal, config.timeouts, interlock) for rig in config.rig
        }
        self.runners = {
            name: Runner(rig, archive, writer, clock, journal, reservations)
            for name, rig in self.rigs.items()
        }
        self._patience = Patience("nightcal", clock)
        # Why the farm is stopped, once it is.
        self.stopping: str | None = None

    def stop(self, reason: str) -> None:
        """End every rig's work in good order; from any thread."""
        self.stopping = reason
        self._patience.stop(reason)
        for rig in self.rigs.values():
            rig.patience.stop(reason)

    def rest_for(self, seconds: float) -> None:
        """Wait between looks at the rigs. Raises Stopped."""
        self._patience.pause_long(seconds)

    def night(self, night: date) -> NightResult:
        """Live through the night with every rig in parallel, then build the masters.

        A rig that fails does not disturb the others. Raises StoreError when nothing can be saved.
        """
        result = NightResult(night)
        workers = {
            name: self.clock.spawn(
                RigNight(runner, self.guard, self.clock, self.journal, night, turns=self.turns(name)).live,
                name,
                _RIG_RANK + rank,
            )
            for rank, (name, runner) in enumerate(self.runners.items())
        }
        for name, worker in workers.items():
            try:
                worker.join()
            except Stopped as stopped:
                result.stopped = True
                self.journal.say(name, "stopped", str(stopped))
            except NightcalError as error:
                result.failures[name] = str(error)
                self.journal.say(name, "alarm", f"{name} is given up for tonight: {error}")
        if not result.stopped:
            result.masters = self.build_masters()
        return result

    def turns(self, name: str) -> RequestTurns:
        """What a rig's nights do for members' requests."""
        return RequestTurns(self.config, self.archive, self.rigs[name], self.journal)

    def build_masters(self, *rigs: str) -> list[MasterRow]:
        """Combine every set, of these rigs or of all, that has enough new frames; tell which stay stale."""
        # What is owed may tell that frames do not count.
        self.archive.pay_rows()
        masters = self.config.masters
        built = build_masters(
            self.archive,
            self.journal,
            rigs=rigs or None,
            method=masters.method,
            min_frames=masters.min_frames,
            rejection_maps=masters.rejection_maps,
        )
        mine = tuple(rig for rig in self.config.rig if not rigs or rig.name in rigs)
        tell_stale(self.config.model_copy(update={"rig": mine}), self.archive, self.journal)
        return built


_DEVICES = ("camera", "filter_wheel", "telescope", "cover_calibrator", "focuser", "rotator", "dome")


def _devices(config: Config, under_the_roof: Iterable[RigConfig]) -> Iterator[str]:
    """What this process will move or expose with; what it only reads, others may read as well."""
    for rig in config.rig:
        yield from (f"{key} {getattr(rig, key)}" for key in _DEVICES if getattr(rig, key) is not None)
    if config.roof is not None and config.guard is None:
        yield f"dome {config.roof.dome}"
        yield from (f"telescope {rig.telescope}" for rig in under_the_roof if rig.telescope)


@contextmanager
def open_farm(
    config: Config, clock: Clock, journal: Journal, *, rigs: tuple[str, ...] = (), guarded: bool = True
) -> Iterator[Farm]:
    """Open the archive, start writer and guard; at the end stop them, the roof shut where it is ours.

    `rigs`: only these; all when empty. `guarded`: False to look on without a guard, moving nothing.
    Use it within a worker. Raises StoreError, DeviceError, BadInput; that also when another process has one
    of the devices, or another machine one of the rigs.
    """
    under_the_roof = config.rig
    if rigs:
        config = config.model_copy(update={"rig": tuple(config.rig_named(name) for name in rigs)})
    reservations = None
    if config.reservations is not None:
        names, zone = [rig.name for rig in under_the_roof], config.site.time_zone
        reservations = Reservations(config.reservations, names, zone, clock, journal)
    with ExitStack() as stack:
        if guarded:
            stack.enter_context(holding(_devices(config, under_the_roof), clock.now()))
        archive = Archive.of(config, clock)
        stack.callback(archive.close)
        for path in [*archive.reconcile(), *adopt_masters(archive)]:
            journal.say("nightcal", "adopted", f"{path.name} had no row in the catalogue; it has one now")
        guard: GuardClient
        if config.roof is None or not guarded:
            guard = OpenAir(clock.now())
        elif config.guard is not None:
            guard = stack.enter_context(guarded_from_afar(config.guard.folder, clock, journal))
        else:
            mounts = {rig.name: rig.telescope for rig in under_the_roof if rig.telescope}
            guard = stack.enter_context(guarding(config.roof, mounts, config.timeouts, clock, journal))
        light_tight = {rig.name for rig in config.rig if rig.darks.light_tight}
        writer = Writer(archive, clock, journal, light_tight)
        journal.listen(writer.note)
        writer.start()
        stack.callback(writer.close)
        farm = Farm(config, guard, archive, writer, clock, journal, reservations)
        for rig in farm.rigs.values():
            stack.callback(rig.disconnect)
        if guarded and config.storage.database is not None:
            # The locks on devices are of this machine; a database may be another machine's as well.
            stack.enter_context(leasing(archive.catalogue.leases, list(farm.rigs), clock, journal, farm.stop))
        yield farm
