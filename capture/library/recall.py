"""What owners are told when a master that calibrated their lights is withdrawn. Pure but for the file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from capture.errors import StoreError
from capture.store.lights import Spoilt
from capture.store.paths import safe_name

NOTICES = "notices"


@dataclass(frozen=True)
class Notice:
    """A text for one owner, told at `when`; `sentence` says the same to the operators."""

    owner: str
    when: datetime
    text: str
    sentence: str

    def write(self, root: Path) -> Path:
        """Write it below the archive's root and return its file. Raises StoreError."""
        file = root / NOTICES / safe_name(self.owner) / f"withdrawn_{self.when:%Y-%m-%dT%H%M%S}.txt"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.text, encoding="utf-8")
        except OSError as error:
            raise StoreError(f"{file} cannot be written: {error.strerror}") from error
        return file


def notices(spoilt: Iterable[Spoilt], now: datetime, *, anew: bool) -> list[Notice]:
    """A notice for each owner of such lights; `anew`: they are calibrated once more."""
    by_owner: dict[str, list[Spoilt]] = {}
    for one in spoilt:
        by_owner.setdefault(one.row.light.owner, []).append(one)
    return [_notice(owner, found, now, anew=anew) for owner, found in sorted(by_owner.items())]


def _notice(owner: str, spoilt: list[Spoilt], now: datetime, *, anew: bool) -> Notice:
    lights = {one.row.id: one for one in spoilt}
    reasons = {one.master: f"{one.master}, withdrawn {_day(one)}: {one.why.why}" for one in spoilt}
    then = (
        "They are calibrated anew when other masters come, and sent again under another name."
        if anew
        else "They are not calibrated anew; the raw lights are unharmed."
    )
    lines = [
        f"Masters that calibrated {len(lights)} of your lights are withdrawn. {then}",
        "",
        *reasons.values(),
        "",
        *(f"{PurePosixPath(one.row.calibrated or one.row.light.path).name}" for one in lights.values()),
    ]
    follows = "they are calibrated anew when others come" if anew else "they stay as they are"
    sentence = (
        f"{len(lights)} lights of {owner} were calibrated with {', '.join(reasons)}, withdrawn; {follows}"
    )
    return Notice(owner, now, "\n".join(lines) + "\n", sentence)


def _day(one: Spoilt) -> str:
    return f"{one.why.when:%Y-%m-%d}"
