"""astropy's ccdproc reads our frames, combines them to the very same pixels, and reads our masters."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from capture.frame import FrameSpec
from capture.library.combine import Method
from tests.capture.store.frames import BIAS, DARK, FLAT
from tests.strangers.conftest import FRAMES, Files
from tests.strangers.installed import foreign_python

COMBINE = """
import sys, numpy as np, ccdproc
method, out, *files = sys.argv[1:]
frames = [ccdproc.CCDData.read(file, unit="adu") for file in files]
np.save(out, ccdproc.combine(frames, method=method).data)
"""
FIND = """
import json, sys, ccdproc
found = ccdproc.ImageFileCollection(sys.argv[1])
print(json.dumps({
    kind: sorted(found.files_filtered(imagetyp=kind)) for kind in sys.argv[2:]
}))
"""
READ = """
import sys, numpy as np, ccdproc
master = ccdproc.CCDData.read(sys.argv[1])
assert str(master.unit) == "adu", master.unit
np.save(sys.argv[2], master.data)
"""


def run(script: str, *arguments: str | Path) -> str:
    """What a script in ccdproc's own Python prints."""
    command = [foreign_python("ccdproc"), "-W", "ignore", "-c", script, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("method", [Method.MEDIAN, Method.AVERAGE])
@pytest.mark.parametrize("spec", [BIAS, DARK], ids=["bias", "dark"])
def test_ccdproc_combines_our_frames_to_our_pixels(
    files: Files, tmp_path: Path, spec: FrameSpec, method: Method
) -> None:
    run(COMBINE, method.value, tmp_path / "theirs.npy", *files.raw[spec])
    theirs = np.load(tmp_path / "theirs.npy")
    assert np.array_equal(theirs.astype(np.float32), files.pixels(spec, method))


@pytest.mark.parametrize("spec", [BIAS, DARK, FLAT], ids=["bias", "dark", "flat"])
def test_ccdproc_reads_our_masters_in_adu(files: Files, tmp_path: Path, spec: FrameSpec) -> None:
    run(READ, files.masters[spec, Method.CLIP], tmp_path / "theirs.npy")
    assert np.array_equal(np.load(tmp_path / "theirs.npy"), files.pixels(spec, Method.CLIP))


def test_ccdproc_finds_our_frames_by_their_kind(files: Files) -> None:
    told = json.loads(run(FIND, files.raw[DARK][0].parent, "Dark Frame", "Flat Field"))
    assert [len(told["Dark Frame"]), len(told["Flat Field"])] == [FRAMES, 0]
