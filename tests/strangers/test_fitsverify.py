"""NASA's checker of FITS files finds nothing to complain of in any kind of file that we write."""

from __future__ import annotations

import subprocess

import pytest

from capture.library.combine import Method
from tests.capture.store.frames import BIAS, DARK, FLAT
from tests.strangers.conftest import Files
from tests.strangers.installed import program


@pytest.mark.parametrize("kind", ["bias", "dark", "flat", "rejected", "masters", "rejection maps"])
def test_fitsverify_finds_no_error_and_no_warning(files: Files, kind: str) -> None:
    judged = {
        "bias": files.raw[BIAS],
        "dark": files.raw[DARK],
        "flat": files.raw[FLAT],
        "rejected": [files.rejected],
        "masters": list(files.masters.values()),
        "rejection maps": files.maps,
    }[kind]
    result = subprocess.run(
        [program("fitsverify", "fitsverify"), "-q", *map(str, judged)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("verification OK") == len(judged), result.stdout


def test_fitsverify_would_have_found_a_damaged_file(files: Files) -> None:
    sound = files.masters[DARK, Method.CLIP]
    damaged = sound.with_name("damaged.txt")
    damaged.write_bytes(sound.read_bytes()[:-2880])
    result = subprocess.run(
        [program("fitsverify", "fitsverify"), "-q", str(damaged)], capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
