"""A colour class for each filter, by its name."""

from __future__ import annotations

from collections.abc import Sequence

from capture.night.report.facts import natural_key

# Names as filter makers write them, in capitals without separators, and the colour class of each.
_KNOWN = {
    "L": "lum", "LUM": "lum", "LUMINANCE": "lum", "CLEAR": "lum", "C": "lum", "W": "lum",
    "R": "red", "RED": "red", "RC": "red", "SDSSR": "red", "RP": "red",
    "G": "green", "GREEN": "green", "V": "green", "SDSSG": "green", "GP": "green",
    "B": "blue", "BLUE": "blue",
    "U": "violet", "SDSSU": "violet", "UP": "violet",
    "I": "wine", "IC": "wine", "SDSSI": "wine", "IP": "wine",
    "HA": "dark-red", "HALPHA": "dark-red",
    "OIII": "teal", "O3": "teal", "SII": "orange", "S2": "orange",
}  # fmt: skip
_SPARE = ("blue", "orange", "green", "wine", "teal", "red", "violet", "dark-red", "lum")


def filter_colours(names: Sequence[str]) -> dict[str, str]:
    """A colour class for each filter, by its name where makers agree on one, else by turns; in order of
    name. Never made of the name itself.
    """
    unique = sorted(set(names), key=natural_key)
    found = {n: _KNOWN[key] for n in unique if (key := _key(n)) in _KNOWN}
    spare = [colour for colour in _SPARE if colour not in found.values()] or list(_SPARE)
    unknown = [n for n in unique if n not in found]
    found |= {n: spare[number % len(spare)] for number, n in enumerate(unknown)}
    return {n: found[n] for n in unique}


def _key(name: str) -> str:
    return "".join(c for c in name.upper() if c.isalnum()).replace("ALPHA", "A")
