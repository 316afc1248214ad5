"""kill -9 of the service on the machine's own clock, at random: what is kept is whole, only downtime is lost.

NIGHTCAL_KILLED_FOR_S makes a long run of it: so many seconds instead of 20.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from astropy.io import fits

from capture.clock import SystemClock
from capture.config import load_config
from capture.store.archive import Archive
from capture.store.rows import FrameRow
from tests.capture.cli.command import as_process, site_at, write_config
from tests.capture.cli.running import PATIENCE_S, simulators

# What all look at is lived once.
pytestmark = pytest.mark.xdist_group("killed in real time")

LASTS_S = float(os.environ.get("NIGHTCAL_KILLED_FOR_S", "20"))
# Of so many bias frames none is the last one, and the night is long enough.
MANY = "flats = { count = 0 }\nbias = { count = 1000 }\ndarks = { count = 0, probe_s = 0 }\n"


@dataclass
class Life:
    """One life of the service: what it said until it was killed, and when that was."""

    began: datetime
    killed: datetime
    said: list[dict[str, str]] = field(default_factory=list)

    def works_since(self) -> datetime:
        return next(_time(entry) for entry in self.said if entry["text"].startswith("bias starts"))


def _time(entry: dict[str, str]) -> datetime:
    return datetime.fromisoformat(entry["time"])


def one_life(folder: Path, for_s: float) -> Life:
    """Start the service, kill it so long after its first frame."""
    began, said = datetime.now(UTC), []
    command = as_process("serve", "--json")
    with (
        (folder / "err.txt").open("wb") as errors,
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True) as service,
    ):
        assert service.stdout is not None
        up = time.monotonic() + PATIENCE_S
        end = None
        for line in service.stdout:
            said.append(json.loads(line))
            if end is None and said[-1]["kind"] == "frame":
                end = time.monotonic() + for_s
            if time.monotonic() > (end or up):
                break
        service.kill()
        killed = datetime.now(UTC)
        rest = service.stdout.read().splitlines()
    # The last line may be cut off.
    said += [json.loads(line) for line in rest if line.startswith("{") and line.endswith("}")]
    assert end is not None, (folder / "err.txt").read_text()
    return Life(began, killed, said)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Life], list[FrameRow], Path]:
    """The lives of a service that was killed again and again; what its catalogue has in the end."""
    folder, chance = tmp_path_factory.mktemp("killed"), random.Random(7)
    lives: list[Life] = []
    with simulators(rate=1) as server:
        text = re.sub(r"(filter_wheel|telescope|cover_calibrator) = .*\n", "", site_at(22))
        config = load_config(write_config(folder, server, text.replace("darks.probe_s = 0\n", MANY)))
        begun = time.monotonic()
        while len(lives) < 3 or time.monotonic() - begun < LASTS_S:
            lives.append(one_life(folder, chance.uniform(0.2, 2.5)))
    archive = Archive.of(config, SystemClock())
    try:
        archive.reconcile()
        return lives, archive.catalogue.frames(), config.storage.folder
    finally:
        archive.close()


def test_every_frame_in_the_catalogue_is_whole_and_none_is_there_twice(
    lived: tuple[list[Life], list[FrameRow], Path],
) -> None:
    _, frames, root = lived
    assert len(frames) >= 6
    for frame in frames:
        raw = (root / frame.path).read_bytes()
        assert hashlib.sha256(raw).hexdigest() == frame.sha256
        with fits.open(root / frame.path, checksum=True) as file:
            file.verify("exception")
    pixels = [fits.getdata(root / frame.path).tobytes() for frame in frames]
    assert len(set(pixels)) == len(frames)
    assert len({frame.taken for frame in frames}) == len(frames)
    files = {path.relative_to(root).as_posix() for path in (root / "raw").rglob("*.fits")}
    assert files == {frame.path for frame in frames}
    assert [path for path in root.rglob("*") if path.name.startswith(".") and path.is_file()] == []


def test_nothing_that_was_said_to_be_saved_is_lost(lived: tuple[list[Life], list[FrameRow], Path]) -> None:
    lives, frames, _ = lived
    said = [entry["path"] for life in lives for entry in life.said if entry["kind"] == "frame"]
    assert len(said) >= len(lives)
    assert set(said) <= {frame.path for frame in frames}


def test_each_gap_in_the_rows_is_the_downtime_and_the_start(
    lived: tuple[list[Life], list[FrameRow], Path],
) -> None:
    lives, frames, _ = lived
    taken = [frame.taken for frame in frames]
    by_life = [[t for t in taken if life.began <= t <= life.killed] for life in lives]
    # The frames that were in the camera or in the queue when it died are lost with it, no more.
    pace_s = max((b - a).total_seconds() for mine in by_life for a, b in pairwise(mine))
    for before, after in pairwise(lives):
        gap_s = min(t for t in taken if t > before.killed) - max(t for t in taken if t < before.killed)
        down_s = (after.works_since() - before.killed).total_seconds()
        assert down_s <= gap_s.total_seconds() <= down_s + 6 * pace_s + 1.0
