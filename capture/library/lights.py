"""The folder of lights: what other programs finished is calibrated as it comes, and sent to its owner.

A light is finished when its file has not changed for 10 s and is a whole FITS image. One that lacks masters
goes out raw, with the reason in the catalogue, and is calibrated when they come.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from capture.clock import Signal
from capture.config import Config, LightsConfig
from capture.errors import BadInput, NightcalError, StoreError
from capture.frame import FrameSpec
from capture.journal import Journal
from capture.library.calibrate import calibrate, calibrated_name
from capture.library.delivery.parcels import EVERYBODY, name_there, recipient_of
from capture.library.light import Light, read_light
from capture.library.masters_for import masters_for, rig_of
from capture.library.recall import notices
from capture.store.archive import Archive
from capture.store.fits_bands import PixelReader
from capture.store.lights import LightRow, LightState, NewLight
from capture.store.outbox import Parcel
from capture.store.paths import safe_name

CALIBRATED = "calibrated"
_STEADY = timedelta(seconds=10)
_EVERY_S = 5.0
# After whatever has to do with devices.
_RANK = 80
_AFTER_A_FAULT = timedelta(minutes=10)
_SUFFIXES = (".fits", ".fit", ".fts")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class _Sight:
    """A file as it was when it last changed."""

    size: int
    changed_ns: int
    since: datetime


@dataclass(frozen=True)
class Belonging:
    """Whose a light is, of which night and rig; empty texts and None are unknown."""

    owner: str
    night: date | None
    rig: str


def watch_lights(config: Config, archive: Archive, journal: Journal, over: Signal) -> None:
    """Calibrate what comes into `[lights] folder`, as a worker of the clock, until `over` is set."""
    lights = LightsFolder(config, archive, journal)
    while not over.is_set():
        try:
            lights.round(over.is_set)
        except NightcalError as error:
            journal.say("lights", "alarm", f"lights wait: {error}")
        over.wait(_EVERY_S)


@contextmanager
def lights_watched(config: Config, archive: Archive, journal: Journal) -> Iterator[None]:
    """Watch the folder of lights, where the config has one, by a worker of its own within the `with`."""
    if config.lights is None:
        yield
        return
    clock = archive.clock
    over = clock.signal()
    worker = clock.spawn(lambda: watch_lights(config, archive, journal, over), "lights", _RANK)
    try:
        yield
    finally:
        over.set()
        worker.join()


class LightsFolder:
    """The folder that `[lights]` names, and what was seen there."""

    def __init__(self, config: Config, archive: Archive, journal: Journal) -> None:
        """`config` has a `[lights]` section. Raises StoreError."""
        if config.lights is None:
            raise BadInput("the config has no [lights] folder to watch")
        self._config, self._lights = config, config.lights
        self._archive, self._journal = archive, journal
        self._known = archive.catalogue.lights.paths()
        self._sights: dict[Path, _Sight] = {}
        self._tried_with: tuple[int, int, int] | None = None
        self._again_at: datetime | None = None

    def round(self, enough: Callable[[], bool] = lambda: False) -> int:
        """Look once: take in what is finished, try again what waits; return how many were calibrated.

        It ends after the light in hand when `enough` says so.
        Raises StoreError when the catalogue cannot be asked or a light cannot be read.
        """
        done = self._try_again(enough)
        for path in self._finished():
            if enough():
                break
            done += self._take_in(path)
        return done

    def _finished(self) -> Iterator[Path]:
        now = self._archive.clock.now()
        seen: dict[Path, _Sight] = {}
        for path in sorted(self._lights.folder.rglob("*")):
            if path.suffix.lower() not in _SUFFIXES or path.name.startswith(".") or str(path) in self._known:
                continue
            try:
                found = path.stat()
            except OSError:
                continue  # Renamed or removed since it was listed.
            sight = _Sight(found.st_size, found.st_mtime_ns, now)
            before = self._sights.get(path)
            if before is not None and (before.size, before.changed_ns) == (sight.size, sight.changed_ns):
                sight = before
            seen[path] = sight
        self._sights = seen
        for path, sight in seen.items():
            if now - sight.since >= _STEADY and _is_whole(path):
                yield path

    def _take_in(self, path: Path) -> bool:
        """Give a finished file its row, send it raw, and calibrate it if that can be."""
        archive, now = self._archive, self._archive.clock.now()
        try:
            light = read_light(path)
        except BadInput as error:
            self._known.add(str(path))
            self._journal.say("lights", "light", f"{path.name} is left alone: {error}")
            return False
        belongs = belonging(path, light, self._lights)
        rig, reason = belongs.rig, ""
        try:
            rig = rig_of(archive.catalogue, self._config, light, self._named(belongs.rig))
        except BadInput as error:
            reason = str(error)
        night = belongs.night or archive.site.night_of(light.taken)
        new = NewLight(
            str(path), _sha256(path), rig, belongs.owner, night, light.taken, self._spec(light, rig)
        )
        state = LightState.RAW if reason else LightState.WAITING
        row = archive.catalogue.lights.add(new, now, state, reason)
        self._known.add(str(path))
        self._send(row, path, row.light.sha256, "raw")
        if reason:
            self._journal.say("lights", "light", f"{path.name} of {belongs.owner} goes raw: {reason}")
            return False
        return self._calibrate(row, light, first=True)

    def _spec(self, light: Light, rig: str) -> FrameSpec:
        """What the light is, its unsaid settings taken to be those of the rig's newest frame."""
        newest = self._archive.catalogue.newest(rig) if light.unsaid else None
        said = {} if newest is None else {name: getattr(newest.spec, name) for name in light.unsaid}
        # A measured exposure is not told from the one that was asked for.
        return replace(light.spec, exposure_s=round(light.spec.exposure_s, 2), **said)

    def _named(self, rig: str) -> str:
        return rig if rig in [one.name for one in self._config.rig] else ""

    def _try_again(self, enough: Callable[[], bool]) -> int:
        """Try what waits, when masters or events are new, or some time after a file's fault."""
        catalogue = self._archive.catalogue
        state = (
            catalogue.candidates.newest(), len(catalogue.told.events()), catalogue.withdrawals.count(),
        )  # fmt: skip
        if state != self._tried_with:
            self._tell_spoilt()
        waiting = catalogue.lights.all(LightState.WAITING)
        faulty = self._again_at is not None and self._archive.clock.now() >= self._again_at
        if state == self._tried_with and not faulty and not any(self._too_old(row) for row in waiting):
            return 0
        self._again_at = None
        done = 0
        for row in waiting:
            if enough():
                return done
            path = Path(row.light.path)
            try:
                done += self._calibrate(row, read_light(path), first=False)
            except BadInput as error:
                catalogue.lights.settle(row.id, LightState.RAW, str(error))
        self._tried_with = state
        return done

    def _too_old(self, row: LightRow) -> bool:
        """Whether a light has waited long enough; one that has a calibrated file waits for a better one."""
        waited = self._archive.clock.now() - row.found
        return row.calibrated is None and waited >= timedelta(days=self._lights.wait_days)

    def _tell_spoilt(self) -> None:
        """Tell the owners of lights whose masters were withdrawn, and have them calibrated anew."""
        catalogue, now = self._archive.catalogue, self._archive.clock.now()
        spoilt, anew = catalogue.lights.spoilt(), self._config.calibration.anew
        for notice in notices(spoilt, now, anew=anew):
            file = notice.write(self._archive.root)
            to = recipient_of(notice.owner, [place.to for place in self._config.delivery])
            if to is not None:
                owner = f"{safe_name(notice.owner)}/" if to == EVERYBODY else ""
                parcel = Parcel(
                    file.relative_to(self._archive.root).as_posix(),
                    _sha256(file),
                    f"{owner}notices/{file.name}",
                )
                catalogue.outbox.queue(to, [parcel], now)
            self._journal.say("lights", "withdrawn", notice.sentence, owner=notice.owner)
        state = LightState.WAITING if anew else LightState.CALIBRATED
        for one in spoilt:
            reason = f"{one.master}, which calibrated it, was withdrawn: {one.why.why}"
            catalogue.lights.settle(one.row.id, state, reason)

    def _calibrate(self, row: LightRow, light: Light, *, first: bool) -> bool:
        """Calibrate a light, or record why not; return whether it is calibrated."""
        archive, policy = self._archive, self._config.calibration
        found = masters_for(archive.catalogue, light, row.light.rig, policy)
        if not found.complete:
            given_up = self._too_old(row)
            reason = found.reason or "no master fits"
            archive.catalogue.lights.settle(
                row.id, LightState.RAW if given_up else LightState.WAITING, reason
            )
            if first or given_up:
                what = "stays raw" if given_up else "goes raw, and is calibrated when its masters come"
                self._journal.say(
                    "lights", "light", f"{light.path.name} of {row.light.owner} {what}: {reason}"
                )
            return False
        out = self._place(row, light)
        try:
            if not out.exists():
                calibrate(light, found, archive.root, out, policy, archive.clock.now())
        except BadInput as error:
            archive.catalogue.lights.settle(row.id, LightState.RAW, str(error))
            self._journal.say("lights", "light", str(error))
            return False
        except StoreError as error:
            # A full disk, or a master that is damaged: neither keeps the other lights waiting.
            self._again_at = archive.clock.now() + _AFTER_A_FAULT
            if row.reason != str(error):
                self._journal.say("lights", "alarm", f"{light.path.name} is not calibrated yet: {error}")
            archive.catalogue.lights.settle(row.id, LightState.WAITING, str(error))
            return False
        name, sha256 = out.relative_to(archive.root).as_posix(), _sha256(out)
        used = [one.master.sha256 for one in found.masters]
        self._send(row, Path(name), sha256, CALIBRATED)
        archive.catalogue.lights.settle(row.id, LightState.CALIBRATED, "", name, sha256, used)
        masters = ", ".join(one.name for one in found.masters)
        self._journal.say(
            "lights", "light", f"{light.path.name} of {row.light.owner} is calibrated by {masters}", path=name
        )
        return True

    def _place(self, row: LightRow, light: Light) -> Path:
        """Where its calibrated file goes; one that is there without a row is whole: its writer was killed."""
        archive, one = self._archive, row.light
        folder = archive.root / CALIBRATED / safe_name(one.owner) / one.night.isoformat() / safe_name(one.rig)
        out = calibrated_name(light.path, folder)
        number = 1
        while archive.catalogue.lights.is_calibrated_file(out.relative_to(archive.root).as_posix()) or (
            # What is there of a light that is calibrated anew was made with masters that were withdrawn.
            row.calibrated is not None and out.exists()
        ):
            number += 1
            out = out.with_name(f"{light.path.stem}_cal_{number}.fits")
        return out

    def _send(self, row: LightRow, path: Path, sha256: str, kind: str) -> None:
        """Queue a file for its owner's place, where there is one."""
        to = recipient_of(row.light.owner, [place.to for place in self._config.delivery])
        if to is None:
            return
        rig = row.light.rig or "unknown"
        name = name_there(to, row.light.owner, row.light.night, rig, kind, path.name)
        now = self._archive.clock.now()
        self._archive.catalogue.outbox.queue(to, [Parcel(path.as_posix(), sha256, name)], now)


def belonging(path: Path, light: Light, lights: LightsConfig) -> Belonging:
    """Whose a light is: by its folders and the template, else by its OBSERVER, else the tray's."""
    found: dict[str, str] = {}
    names = path.parent.relative_to(lights.folder).parts
    for part, name in zip(lights.template.split("/"), names, strict=False):
        if part.startswith("{"):
            found[part.strip("{}")] = name
        elif part not in ("*", name):
            # Folders of another order say nothing.
            found = {}
            break
    night = None
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", found.get("night", "")):
        try:
            night = date.fromisoformat(found["night"])
        except ValueError:
            night = None
    return Belonging(found.get("owner") or light.observer or lights.tray, night, found.get("rig", ""))


def _is_whole(path: Path) -> bool:
    try:
        with PixelReader(path):
            return True
    except StoreError:
        return False


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    return digest.hexdigest()
