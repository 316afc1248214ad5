"""Headers of any program's files: their cards as bare text, and what a card says in numbers and times.

Values are read as they stand, without astropy's parser, which takes longer than a whole match of a light.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from capture.store import fits_file
from capture.store.data_unit import BLOCK

Cards = Mapping[str, str]

_LONGEST_HEADER = 1000 * BLOCK


def start_of(path: Path) -> tuple[bytes, int | None]:
    """The bytes up to the header's end and some more, and where it ends; None when it has none.

    Raises OSError.
    """
    with path.open("rb") as file:
        start = file.read(8 * BLOCK)
        while (end := fits_file.header_length(start)) is None and len(start) < _LONGEST_HEADER:
            more = file.read(64 * BLOCK)
            if not more:
                break
            start += more
    return start, end


def text(cards: Cards, *names: str) -> str:
    """The first of these cards that says something, else nothing."""
    return next((cards[name].strip() for name in names if cards.get(name, "").strip()), "")


def number(cards: Cards, *names: str) -> float | None:
    """The first of these cards that says something, as a number. Raises ValueError when it is none."""
    for name in names:
        if cards.get(name, "").strip():
            value = sound_number(cards, name)
            if value is None:
                raise ValueError(f"its {name} is no number: {cards[name].strip()[:20]}")
            return value
    return None


def sound_number(cards: Cards, *names: str) -> float | None:
    """The first of these cards that holds a finite number."""
    for name in names:
        try:
            value = float(cards.get(name, "").replace("D", "E"))
        except ValueError:
            continue
        if math.isfinite(value):
            return value
    return None


# Databases hold whole numbers of 32 bits.
_NO_SETTING = 1 << 31


def setting(value: float | None) -> int | None:
    """A setting of the camera; NINA writes -1 for unknown, and a broken number is none.

    Under GAIN such a one is electrons per ADU, as CCD programs write it.
    """
    return int(value) if value is not None and value == int(value) and 0 <= value < _NO_SETTING else None


def started(cards: Cards) -> datetime:
    """The UTC start by DATE-OBS; MaxIm's old form keeps the time of day in a card of its own.

    Raises ValueError. Some programs write seven digits of a second, of which six are read.
    """
    said, clock = cards.get("DATE-OBS", ""), cards.get("TIME-OBS", cards.get("UT", ""))
    if said and "T" not in said and clock:
        said = f"{said}T{clock}"
    return time_of(said)


def time_of(said: str) -> datetime:
    """A card's date and time, UTC. Raises ValueError."""
    try:
        return datetime.fromisoformat(said).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"its DATE-OBS {said!r} is no date and time") from None
