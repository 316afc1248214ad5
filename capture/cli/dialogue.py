"""The questions of `nightcal init`: each has what was found as its default, but for the roof's two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import typer
from pydantic import TypeAdapter, ValidationError

from capture.cli.first_config import FIRST_SET_POINT_C, Device, Draft, RigDraft, RoofDraft, SiteDraft, of_type
from capture.cli.time_zones import is_zone, likely_zone
from capture.clock import SystemClock
from capture.config import Name

T = TypeVar("T")

_MODE = (
    "Who moves the roof? observe: others open and close it, nightcal waits for it. operate: nightcal opens "
    "it when it is safe, and closes it. (observe, operate)"
)
_PARK = (
    "When it must close and a mount does not park? close: onto the mount. stay_open: and let the rain in. "
    "(close, stay_open)"
)


class Dialogue:
    """Asks a person about a draft; `turning` are the domes that turn. Any question may raise typer.Abort."""

    def __init__(self, devices: Sequence[Device], turning: Sequence[Device], *, to_stderr: bool) -> None:
        self._devices = devices
        self._turning = turning
        self._err = to_stderr

    def revise(self, draft: Draft) -> Draft:
        """The draft as the person wants it."""
        site = self._site(draft.site)
        folder = self._ask("Folder for frames and masters", draft.folder, _text)
        rigs = self._rigs(draft.rigs)
        return Draft(site, rigs, self._roof(draft.roof), folder)

    def _site(self, site: SiteDraft) -> SiteDraft:
        name = self._ask("Name of the site", site.name, _name)
        latitude = self._ask("Latitude in degrees, north positive", site.latitude_deg, _number(-90, 90))
        longitude = self._ask("Longitude in degrees, east positive", site.longitude_deg, _number(-180, 180))
        elevation = self._ask("Elevation in metres", site.elevation_m, _number(-500, 6000))
        zone = site.time_zone
        if longitude != site.longitude_deg:
            zone = likely_zone(longitude, SystemClock().now())
        return SiteDraft(
            name, latitude, longitude, elevation, self._ask("Time zone (IANA name)", zone, _zone)
        )

    def _rigs(self, guesses: Sequence[RigDraft]) -> tuple[RigDraft, ...]:
        rigs: list[RigDraft] = []
        while not rigs:
            for guess in guesses:
                if typer.confirm(
                    f"Is camera {guess.camera.label} to take frames?", default=True, err=self._err
                ):
                    rigs.append(self._rig(guess, rigs))
            if not rigs:
                typer.echo("A config needs at least one camera.", err=self._err)
        return tuple(rigs)

    def _rig(self, guess: RigDraft, others: Sequence[RigDraft]) -> RigDraft:
        taken = {
            device
            for rig in others
            for device in (
                rig.filter_wheel, rig.telescope, rig.cover_calibrator, rig.focuser, rig.rotator, rig.dome,
            )
        }  # fmt: skip

        def of(devices: Sequence[Device], words: str, guessed: Device | None) -> Device | None:
            free = [device for device in devices if device not in taken]
            return self._choose(f"  Its {words}", free, guessed)

        def partner(kind: str, words: str, guessed: Device | None) -> Device | None:
            return of(of_type(self._devices, kind), words, guessed)

        def own_name(text: str) -> str:
            if text in {rig.name for rig in others}:
                raise typer.BadParameter(f"there is a rig {text} already")
            return _name(text)

        rig = replace(
            guess,
            name=self._ask("  Name of this rig", guess.name, own_name),
            filter_wheel=partner("filterwheel", "filter wheel", guess.filter_wheel),
            telescope=partner("telescope", "mount", guess.telescope),
            cover_calibrator=partner("covercalibrator", "cover", guess.cover_calibrator),
            focuser=partner("focuser", "focuser", guess.focuser),
            rotator=partner("rotator", "rotator", guess.rotator),
        )
        dome = of(self._turning, "dome, whose slit follows its mount", guess.dome) if rig.telescope else None
        rig = replace(rig, dome=dome)
        question = f"  Cooled to, in C (none: not cooled; {FIRST_SET_POINT_C:g} suits many)"
        default = "none" if rig.set_temperature_c is None else f"{rig.set_temperature_c:g}"
        return replace(rig, set_temperature_c=self._ask(question, default, _set_point))

    def _roof(self, guess: RoofDraft | None) -> RoofDraft | None:
        domes, monitors = of_type(self._devices, "dome"), of_type(self._devices, "safetymonitor")
        if guess is None:
            if domes:
                typer.echo(
                    "A dome was found, but no safety monitor, and a roof needs one: left out.", err=self._err
                )
            return None
        dome = self._choose("The roof over the rigs", domes, guess.dome)
        if dome is None:
            return None
        asked = [
            m for m in monitors if typer.confirm(f"  Must {m.label} say safe?", default=True, err=self._err)
        ]
        if not asked:
            typer.echo("  A roof needs a safety monitor: all of them are taken.", err=self._err)
            asked = monitors
        return RoofDraft(
            dome,
            tuple(asked),
            self._choose(
                "  The weather station", of_type(self._devices, "observingconditions"), guess.weather
            ),
            mode=self._ask(f"  {_MODE}", None, _one_of("observe", "operate")),
            if_park_fails=self._ask(f"  {_PARK}", None, _one_of("close", "stay_open")),
            decided=True,
        )

    def _choose(self, question: str, among: Sequence[Device], guess: Device | None) -> Device | None:
        """One of these devices, or none; not asked where there is no choice."""
        if not among:
            return None
        for number, device in enumerate(among, 1):
            typer.echo(f"  {number:>4}  {device.label}", err=self._err)
        default = among.index(guess) + 1 if guess in among else 0
        number = self._ask(f"{question} (0: none)", default, _whole(0, len(among)))
        return among[number - 1] if number else None

    def _ask(self, question: str, default: object, read: Callable[[str], T]) -> T:
        answer: T = typer.prompt(
            question, default=None if default is None else str(default), value_proc=read, err=self._err
        )
        return answer


def _name(text: str) -> str:
    try:
        return str(TypeAdapter(Name).validate_python(text.strip()))
    except ValidationError:
        raise typer.BadParameter(
            "letters, digits, blanks and _.+- only, at most 40, a letter first"
        ) from None


def _text(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise typer.BadParameter("something printable is needed")
    return text.strip()


def _zone(text: str) -> str:
    if not is_zone(text.strip()):
        raise typer.BadParameter(f"no such time zone as {text!r}; write one as America/Denver")
    return text.strip()


def _number(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is no number") from None
        if not low <= value <= high:
            raise typer.BadParameter(f"{text} is not within {low:g} to {high:g}")
        return value

    return read


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.strip().isdecimal() or not low <= int(text) <= high:
            raise typer.BadParameter(f"a number from {low} to {high} is needed")
        return int(text)

    return read


def _set_point(text: str) -> float | None:
    return None if text.strip().lower() in ("none", "no", "") else _number(-100, 40)(text)


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.strip() not in words:
            raise typer.BadParameter(f"one of {', '.join(words)} is needed")
        return text.strip()

    return read
