"""Siril stacks our frames to our pixels and reads our masters."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from capture.frame import FrameSpec
from capture.library.combine import Method
from tests.capture.store.frames import BIAS, DARK, FLAT
from tests.strangers.conftest import Files
from tests.strangers.installed import program

# Siril computes in float32 of 0 to 1.
FULL_ADU = 65535
COMMANDS = {Method.MEDIAN: "stack frames_ med -nonorm", Method.AVERAGE: "stack frames_ mean none -nonorm"}


def siril(folder: Path, *commands: str) -> NDArray[np.float64]:
    """What Siril leaves in result.fit in `folder`, in ADU."""
    script = folder / "script.ssf"
    lines = ["requires 1.0.0", "setext fit", "set32bits", *commands, "close"]
    script.write_text("\n".join(lines) + "\n")
    result = subprocess.run(
        [program("siril-cli", "siril"), "-d", str(folder), "-s", str(script)],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    assert (folder / "result.fit").exists(), result.stdout + result.stderr
    with fits.open(folder / "result.fit", memmap=False) as hdus:
        return hdus[0].data.astype(np.float64) * FULL_ADU


def put(folder: Path, files: Sequence[Path]) -> None:
    for number, file in enumerate(files, 1):
        shutil.copy(file, folder / f"frames_{number:05d}.fit")


@pytest.mark.parametrize("method", list(COMMANDS))
@pytest.mark.parametrize("spec", [BIAS, DARK], ids=["bias", "dark"])
def test_siril_stacks_our_frames_to_our_pixels(
    files: Files, tmp_path: Path, spec: FrameSpec, method: Method
) -> None:
    put(tmp_path, files.raw[spec])
    theirs = siril(tmp_path, f"{COMMANDS[method]} -out=result")
    assert np.abs(theirs - files.pixels(spec, method)).max() < 0.01


@pytest.mark.parametrize("spec", [BIAS, DARK, FLAT], ids=["bias", "dark", "flat"])
def test_siril_reads_our_masters(files: Files, tmp_path: Path, spec: FrameSpec) -> None:
    shutil.copy(files.masters[spec, Method.CLIP], tmp_path / "master.fit")
    theirs = siril(tmp_path, "load master", "save result")
    assert np.abs(theirs - files.pixels(spec, Method.CLIP)).max() < 0.01
