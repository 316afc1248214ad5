"""What spells came to, kept as a line of JSON each: a campaign that was cut off goes on where it ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.calendar.spells import Task
from benchmarks.calendar.tally import Tally

Lived = tuple[Task, Tally, float]


def keep(file: Path, lived: Lived) -> None:
    """Append a spell: its tally, and the processor's seconds it took."""
    task, found, cpu_s = lived
    line = json.dumps({**_name_of(task), "cpu_s": round(cpu_s, 2), "tally": asdict(found)})
    with file.open("a", encoding="utf-8") as lines:
        lines.write(line + "\n")


def kept(file: Path, tasks: Sequence[Task]) -> list[Lived]:
    """Which of the tasks the file holds. A last line that was cut off is as if it were not there."""
    if not file.exists():
        return []
    by_name = {json.dumps(_name_of(task)): task for task in tasks}
    found: dict[str, Lived] = {}
    whole, _, _ = file.read_text(encoding="utf-8").rpartition("\n")
    for line in whole.splitlines():
        said = json.loads(line)
        name = json.dumps({key: said[key] for key in ("place", "first", "nights", "control")})
        if name in by_name:
            found[name] = (by_name[name], Tally(**said["tally"]), said["cpu_s"])
    file.write_text(whole + "\n" if whole else "", encoding="utf-8")
    return list(found.values())


def _name_of(task: Task) -> dict[str, object]:
    first = task.nights[0].isoformat()
    return {"place": task.place.name, "first": first, "nights": len(task.nights), "control": task.control}
