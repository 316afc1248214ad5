"""What the catalogue costs when it is large: a million frames, their sets and masters, on both databases.

`python -m benchmarks.catalogue [--quick] --json FILE`

Twenty rigs take frames of 52 sets each for five years; of every 8 good ones of a set there is a master. The
tables are filled to the smaller size, measured, filled to the larger one, and measured again.

`board_ms`: what is held of every set (aim < 200). `needs_ms`: what of every set is missing. `match_ms`: the
masters of a light, one of every rig in turn (aim < 20). `frames_per_s`: frames recorded one by one, each on
the disk before the next; `batched_per_s`: a hundred with one commit. Milliseconds are the least of three
medians; `..._growth`: how many times longer they take at the larger size. PostgreSQL is Debian's, started
for this alone; where it is not installed its figures are left out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    String,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    type_coerce,
    update,
)

from capture.config import CalibrationConfig
from capture.frame import Facts, Frame, FrameSpec, Kind, Statistics
from capture.library.light import Light
from capture.library.masters_for import masters_for
from capture.store.catalogue import Catalogue, NewFrame
from capture.store.dialects import dialect_of
from capture.store.needs import Need
from capture.store.rows import frame_values, key_of_set, spec_values
from capture.store.schema import FrameTable, MasterInputTable, MasterTable, SetTable
from tests.capture.store.postgresql import LACKING, Server, programs

RIGS = [f"T{number}" for number in range(1, 21)]
FILTERS = ("L", "R", "G", "B", "Ha", "SII", "OIII", "U", "V", "I", "z", "clear")
END = datetime(2026, 11, 22, tzinfo=UTC)
YEARS_S = 5 * 365.25 * 86400
NIGHT = date(2026, 11, 21)
PER_MASTER = 8
PIXELS = np.zeros((1, 1), np.uint16)


def specs() -> list[FrameSpec]:
    """The sets of one rig."""
    found = []
    for binning in (1, 2):
        base = FrameSpec(Kind.BIAS, 0.0, None, binning, 100, 30, "Normal", -10.0)
        found += [replace(base, gain=gain) for gain in (0, 100)]
        found += [
            replace(base, kind=Kind.DARK, exposure_s=exposure_s, set_temperature_c=celsius)
            for exposure_s in (60.0, 120.0, 180.0, 240.0, 300.0, 600.0)
            for celsius in (-20.0, -10.0)
        ]
        found += [replace(base, kind=Kind.FLAT, exposure_s=2.5, filter=name) for name in FILTERS]
    return found


def frame(rig: str, spec: FrameSpec, taken: datetime) -> Frame:
    """A frame without pixels worth the name."""
    facts = Facts(rig, f"camera of {rig}", taken, spec.exposure_s, -30.0, -10.0)
    return Frame(PIXELS, spec, facts, Statistics(1000.0, 1000.0, 8.0, 1030.0, 0.0))


def fill(connection: Connection, until: int) -> None:
    """Fill the tables to so many frames: the first from here, the others by the server, from those."""
    have = connection.execute(select(func.count()).select_from(FrameTable)).scalar_one()
    if not have:
        fill_first(connection, until)
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA cache_size = -600000"))
    for turn in range(1, until // have if have else 1):
        add_copies(connection, turn, have)
    of_set = FrameTable.set == SetTable.id
    good, newest = (
        select(what).where(of_set, FrameTable.good).scalar_subquery()
        for what in (func.count(), func.max(FrameTable.taken))
    )
    connection.execute(update(SetTable).values(good_frames=good, newest_good=newest))
    add_masters(connection)
    if connection.dialect.name == "postgresql":
        connection.execute(text("ANALYZE"))


def fill_first(connection: Connection, until: int) -> None:
    """The sets, and frames of all of them in turn, over five years."""
    sets = [(rig, spec) for rig in RIGS for spec in specs()]
    rows = [
        spec_values(spec.set_key()) | {"key": key_of_set(rig, spec), "rig": rig, "good_frames": 0}
        for rig, spec in sets
    ]
    connection.execute(insert(SetTable), rows)
    numbers = {row.key: row.id for row in connection.execute(select(SetTable.key, SetTable.id))}
    frames = []
    for number in range(until):
        rig, spec = sets[number % len(sets)]
        taken = END - timedelta(seconds=YEARS_S * (1 - number / until))
        made = frame(rig, spec, taken)
        made = made.judged("a cloud passed") if number // len(sets) % 10 == 9 else made
        of_file = {"path": f"raw/{number:08}.fits", "sha256": f"{number:064x}", "night": NIGHT, "run": None}
        frames.append(frame_values(made) | of_file | {"set": numbers[key_of_set(rig, spec)]})
    connection.execute(insert(FrameTable), frames)


def add_copies(connection: Connection, turn: int, have: int) -> None:
    """The frames up to the id `have` once more, as others that were taken some minutes before."""
    first = FrameTable.id <= have
    if connection.dialect.name == "postgresql":
        earlier: Any = FrameTable.taken - func.make_interval(0, 0, 0, 0, 0, 0, 61 * turn)
    else:
        earlier = func.strftime("%Y-%m-%d %H:%M:%f000", FrameTable.taken, f"-{61 * turn} seconds")
    changed = {
        "path": FrameTable.path + f":{turn}",
        "sha256": func.substr(FrameTable.sha256, 9) + f"{turn:08x}",
        "taken": type_coerce(earlier, DateTime),
    }
    names = [column.name for column in FrameTable.__table__.columns if column.name != "id"]
    copies = select(*(changed.get(name, getattr(FrameTable, name)) for name in names)).where(first)
    connection.execute(insert(FrameTable).from_select(names, copies))


def add_masters(connection: Connection) -> None:
    """A master of each eight good frames of a set, in place of those there were."""
    connection.execute(delete(MasterInputTable))
    connection.execute(delete(MasterTable))
    place = func.row_number().over(partition_by=FrameTable.set, order_by=(FrameTable.taken, FrameTable.id))
    group = (place - 1) // PER_MASTER
    name = literal("m/") + cast(FrameTable.set, String) + "/" + cast(group, String)
    grouped = select(FrameTable, name.label("master_path")).where(FrameTable.good).subquery()
    spec = [grouped.c[column] for column in spec_values(FrameSpec(Kind.BIAS))]
    key = [
        case((grouped.c.kind == "flat", 0.0), else_=column).label("exposure_s")
        if column.name == "exposure_s"
        else case((grouped.c.kind == "dark", column)).label("set_temperature_c")
        if column.name == "set_temperature_c"
        else column
        for column in spec
    ]
    newest, oldest = func.max(grouped.c.taken), func.min(grouped.c.taken)
    figures = type_coerce(literal({"median_adu": 1000.0}, JSON), JSON)
    masters = (
        select(
            grouped.c.rig, grouped.c.camera, grouped.c.master_path, literal("0" * 64), literal("clip"),
            func.count(), newest, newest, oldest, figures, *(literal(n) for n in (1, 1, 0, 0)), *key,
        )
        .group_by(grouped.c.rig, grouped.c.camera, grouped.c.master_path, *spec)
        .having(func.count() == PER_MASTER)
    )  # fmt: skip
    names = ["rig", "camera", "path", "sha256", "method", "count", "built", "newest_input", "oldest_input",
             "figures", "height_px", "width_px", "origin_x_px", "origin_y_px",
             *(column.name for column in spec)]  # fmt: skip
    connection.execute(insert(MasterTable).from_select(names, masters))
    inputs = select(MasterTable.id, grouped.c.id, grouped.c.sha256).join(
        grouped, grouped.c.master_path == MasterTable.path
    )
    connection.execute(insert(MasterInputTable).from_select(["master", "frame", "sha256"], inputs))


def median_ms(work: Callable[[], object], repeats: int) -> float:
    """The least of three medians of so many calls: a neighbour's work on the machine spoils one, not all."""
    work()
    medians = []
    for _ in range(3):
        took = []
        for _ in range(repeats):
            start = time.perf_counter()
            work()
            took.append(1000 * (time.perf_counter() - start))
        medians.append(median(took))
    return min(medians)


def rates(catalogue: Catalogue, single: int, batches: int) -> dict[str, float]:
    """Frames recorded in a second, through the catalogue's own methods."""
    numbers = count()
    spec = specs()[10]

    def frames() -> Iterator[NewFrame]:
        for number in numbers:
            taken = END + timedelta(seconds=number)
            yield NewFrame(frame("T1", spec, taken), None, NIGHT, f"raw/new{time.time_ns()}.fits", "0" * 64)

    source = frames()
    start = time.perf_counter()
    for new in islice(source, single):
        catalogue.add_frames([new])
    one_by_one = single / (time.perf_counter() - start)
    start = time.perf_counter()
    for _ in range(batches):
        catalogue.add_frames(islice(source, 100))
    return {"frames_per_s": one_by_one, "batched_per_s": 100 * batches / (time.perf_counter() - start)}


def measured(catalogue: Catalogue, repeats: int) -> dict[str, float]:
    """Milliseconds of what people and programs ask most."""
    board = catalogue.board()
    assert len(board) == len(RIGS) * len(specs())
    needs = [Need(row.rig, row.spec, 20, 30.0) for row in board]
    turns = count()

    def find() -> None:
        rig = RIGS[next(turns) % len(RIGS)]
        spec = FrameSpec(Kind.LIGHT, 300.0, "Ha", 1, 100, 30, "Normal", -10.0)
        light = Light(Path("light.fits"), spec, END - timedelta(days=1), (1, 1), camera=f"camera of {rig}")
        found = masters_for(catalogue, light, rig, CalibrationConfig())
        assert found is not None

    return {
        "board_ms": median_ms(catalogue.board, repeats),
        "needs_ms": median_ms(lambda: catalogue.missing(needs, END), repeats),
        "match_ms": median_ms(find, 4 * repeats),
    }


def measure(place: str, sizes: tuple[int, int], repeats: int) -> dict[str, Any]:
    """All figures of one database."""
    figures: dict[str, Any] = {}
    by_size = []
    with closing(Catalogue(place)) as catalogue:
        for size in sizes:
            dialect, _ = dialect_of(place, 600.0)
            start = time.perf_counter()
            with dialect.writers().begin() as connection:
                fill(connection, size)
            dialect.engine.dispose()
            print(f"  filled to {size} in {time.perf_counter() - start:.0f} s", flush=True)
            by_size.append(measured(catalogue, repeats))
            figures[f"at_{size}"] = by_size[-1]
        figures |= rates(catalogue, 40 * repeats, repeats)
    figures |= by_size[-1]
    for name in by_size[0]:
        figures[name.replace("_ms", "_growth")] = by_size[-1][name] / by_size[0][name]
    return figures


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="up to 20,000 frames instead of a million")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    sizes, repeats = ((2_000, 20_000), 5) if arguments.quick else ((10_000, 1_000_000), 9)
    row: dict[str, Any] = {"frames": sizes[-1]}
    with tempfile.TemporaryDirectory() as folder:
        print("SQLite", flush=True)
        row["sqlite"] = measure(str(Path(folder) / "catalogue.sqlite"), sizes, repeats)
    binaries = programs()
    if binaries is None:
        print(LACKING)
    else:
        server = Server(binaries, durable=True)
        try:
            print("PostgreSQL", flush=True)
            row["postgresql"] = measure(server.new_database(), sizes, repeats)
        finally:
            server.stop()
    for name in ("board_ms", "match_ms"):
        row[name] = max(row[database][name] for database in ("sqlite", "postgresql") if database in row)
    for database in ("sqlite", "postgresql"):
        for name, value in row.get(database, {}).items():
            if not isinstance(value, dict):
                print(f"{database:>11} {name:>16} {value:10.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(row, indent=2) + "\n")


if __name__ == "__main__":
    main()
