"""Flat plans as ACP's AutoFlat reads them: a line each of `count, filter, binning`; `;` begins a comment.

Spaces mean nothing but within a filter's name; blank lines are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from capture.errors import BadInput

MOST_FRAMES = 1000
MOST_BINNING = 8
_RIGHT = "write count, filter, binning, as 10, Ha, 1"


@dataclass(frozen=True)
class FlatLine:
    """One line of a flat plan; `number` is its place in the file."""

    number: int
    count: int
    filter: str
    binning: int

    def __str__(self) -> str:
        return f"{self.count}, {self.filter}, {self.binning}"


def read_flat_plan(path: Path) -> tuple[FlatLine, ...]:
    """The lines of the flat plan at `path`. Raises BadInput with a sentence for each line that is wrong."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadInput(f"there is no flat plan {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the flat plan {path} cannot be read: {error}") from error
    return parse_flat_plan(text, str(path))


def parse_flat_plan(text: str, called: str = "the flat plan") -> tuple[FlatLine, ...]:
    """The lines of a flat plan's text. Raises BadInput with a sentence for each line that is wrong."""
    lines: list[FlatLine] = []
    faults: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        live = line.partition(";")[0].strip()
        if live:
            try:
                lines.append(_parse(number, live))
            except ValueError as fault:
                faults.append(f"{called}: line {number} {fault}")
    if faults:
        raise BadInput("\n".join(faults))
    if not lines:
        raise BadInput(f"{called} asks for nothing; {_RIGHT}")
    return tuple(lines)


def in_runs(lines: Iterable[FlatLine]) -> list[list[FlatLine]]:
    """The lines in runs of one binning and no filter twice, in their order: each is one job."""
    runs: list[list[FlatLine]] = []
    for line in lines:
        last = runs[-1] if runs else []
        if last and last[0].binning == line.binning and line.filter not in (one.filter for one in last):
            last.append(line)
        else:
            runs.append([line])
    return runs


def _parse(number: int, live: str) -> FlatLine:
    """Raises ValueError that goes on after `line 3 `."""
    if live.startswith("#"):
        raise ValueError(f"has the directive {live.split(maxsplit=1)[0]}; only flats are taken: {_RIGHT}")
    parts = [part.strip() for part in live.split(",")]
    if len(parts) == 4:
        raise ValueError(f"has a rotator angle; it is set in the config, for every flat: {_RIGHT}")
    if len(parts) != 3 or not parts[1]:
        raise ValueError(f"is {live!r}; {_RIGHT}")
    count, binning = (int(part) if part.isdecimal() else 0 for part in (parts[0], parts[2]))
    if not 1 <= count <= MOST_FRAMES:
        raise ValueError(f"has the count {parts[0]!r}; it is a number from 1 to {MOST_FRAMES}")
    if not 1 <= binning <= MOST_BINNING:
        raise ValueError(f"has the binning {parts[2]!r}; it is a number from 1 to {MOST_BINNING}")
    return FlatLine(number, count, parts[1], binning)
