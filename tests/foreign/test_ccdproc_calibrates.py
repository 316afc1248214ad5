"""ccdproc calibrates a light with our masters as we do, and reads what we made of it, mask and all."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from capture.frame import Kind
from capture.library.calibrate import calibrate
from capture.library.light import read_light
from capture.library.masters_for import masters_for
from tests.capture.library.lights import configured, fill, opened, write_light

PYTHON = Path(
    os.environ.get("NIGHTCAL_FOREIGN_PYTHON", Path(__file__).parents[2] / ".venv-foreign" / "bin" / "python")
)
SCRIPT = Path(__file__).with_name("ccdproc_calibrates.py")


def has_ccdproc() -> bool:
    if not PYTHON.exists():
        return False
    asked = [
        str(PYTHON),
        "-c",
        "import importlib.util, sys; sys.exit(not importlib.util.find_spec('ccdproc'))",
    ]
    return subprocess.run(asked, check=False).returncode == 0


def test_ccdproc_calibrates_a_light_to_the_same_pixels(tmp_path: Path) -> None:
    if not has_ccdproc():
        pytest.skip("ccdproc is not in .venv-foreign: `make test` installs it")
    config = configured(tmp_path)
    archive = opened(config)
    fill(archive)
    raw, out = write_light(tmp_path / "x.fits", BUNIT="adu"), tmp_path / "x_cal.fits"
    light = read_light(raw)
    found = masters_for(archive.catalogue, light, "T1", config.calibration)
    calibrate(light, found, archive.root, out, config.calibration, archive.clock.now())
    masters = []
    for kind in (Kind.DARK, Kind.FLAT):
        chosen = found.of(kind)
        assert chosen is not None
        masters.append(str(archive.root / chosen.master.path))
    archive.close()
    theirs, mask = tmp_path / "theirs.npy", tmp_path / "mask.npy"
    asked = [str(PYTHON), str(SCRIPT), str(raw), *masters, str(theirs), str(out), str(mask)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with fits.open(out) as hdus:
        # Each step of ours is rounded to float32: 24 bits of the largest number that enters it.
        np.testing.assert_allclose(hdus[0].data, np.load(theirs), rtol=5e-7, atol=0.002)
        np.testing.assert_array_equal(np.load(mask), hdus["MASK"].data != 0)
