"""The judge passes honest masters and fails every kind of wrong one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from capture.clock import SimulatedClock
from simulators import MasterCheck, Observatory, UnknownMaster, check_master, demo_settings
from simulators.sensor import Electronics, Exposed, Region, Sensor
from tests.simulators.conftest import DUSK

Array = NDArray[np.float64]
SIDE = 256
WHOLE = Region(0, 0, SIDE, SIDE)
READ = Electronics(0, 50)


@pytest.fixture(scope="module")
def square() -> Observatory:
    # A square sensor: only there can a transposed master go unnoticed.
    return Observatory(SimulatedClock(DUSK), demo_settings(seed=7, width_px=SIDE, height_px=SIDE))


@dataclass
class Bench:
    """Makes masters of one rig and has them judged."""

    observatory: Observatory
    folder: Path
    number: int = 0

    @property
    def sensor(self) -> Sensor:
        return self.observatory.world.rigs[self.number].sensor

    def stack(self, exposed: list[Exposed], how: Callable[..., Any] = np.mean) -> Array:
        frames = [self.sensor.render(e, WHOLE, READ, n) for n, e in enumerate(exposed)]
        return np.asarray(how(np.array(frames, dtype=np.float64), axis=0))

    def judge(self, data: Array, kind: str, frames: int, **more: object) -> MasterCheck:
        rig = self.observatory.world.rigs[self.number].settings
        header = fits.Header(
            {"IMAGETYP": kind, "NCOMBINE": frames, "INSTRUME": rig.camera.name, "TELESCOP": rig.name}
        )
        header.update({"EXPTIME": 0.0, "CCD-TEMP": -10.0, "ROWORDER": "TOP-DOWN"} | more)
        path = self.folder / "master.fits"
        fits.PrimaryHDU(data.astype(np.float32), header).writeto(path, overwrite=True)
        return check_master(self.observatory, path)

    def bias(self, how: Callable[..., Any] = np.mean) -> Array:
        return self.stack([Exposed(0.0, -10.0, "L")] * 20, how)

    def dark(self, seconds: float, celsius: float = -10.0) -> Array:
        return self.stack([Exposed(seconds, celsius, "L")] * 10)

    def flat(self, filter_name: str, slope: float = 0.0, streak: float = 0.0) -> Array:
        gain = self.sensor.gain_e_per_adu()
        scaled = []
        for n, level_adu in enumerate(np.linspace(24_000, 34_000, 10)):
            stars = np.zeros((SIDE, SIDE), dtype=np.float32)
            stars[20 * n + 10 : 20 * n + 14, 30:220] = streak * level_adu * gain
            exposed = Exposed(1.0, -10.0, filter_name, float(level_adu * gain), slope / SIDE, stars_e=stars)
            frame = self.sensor.render(exposed, WHOLE, READ, 100 + n) - self.sensor.bias_adu().astype(
                np.float64
            )
            scaled.append(frame * (29_000 / frame[64:192, 64:192].mean()))
        return np.asarray(np.mean(scaled, axis=0))

    def judge_flat(self, data: Array, filter_name: str = "L", **more: object) -> MasterCheck:
        mean = float(data[64:192, 64:192].mean())
        return self.judge(
            data, "Flat Field", 10, **({"FILTER": filter_name, "FLATMEAN": mean, "EXPTIME": 1.0} | more)
        )


@pytest.fixture(params=[0, 1], ids=["cmos", "ccd"])
def bench(request: pytest.FixtureRequest, square: Observatory, tmp_path: Path) -> Bench:
    return Bench(square, tmp_path, request.param)


WRONGS: dict[str, Callable[[Array], Array]] = {
    "shifted": lambda a: np.roll(a, 1, axis=1),
    "shifted down": lambda a: np.roll(a, 1, axis=0),
    "transposed": lambda a: a.T,
    "flipped": lambda a: a[::-1],
    "mirrored": lambda a: a[:, ::-1],
}


@pytest.mark.parametrize("how", [np.mean, np.median])
def test_an_honest_bias_passes(bench: Bench, how: Callable[..., Any]) -> None:
    check = bench.judge(bench.bias(how), "Bias Frame", 20)
    assert check.ok, check


@pytest.mark.parametrize("wrong", WRONGS)
def test_a_bias_out_of_place_fails(bench: Bench, wrong: str) -> None:
    assert not bench.judge(WRONGS[wrong](bench.bias()), "Master Bias Frame", 20).ok


def test_a_bias_of_another_level_or_of_fewer_frames_than_it_says_fails(bench: Bench) -> None:
    assert not bench.judge(bench.bias() + 2, "Bias Frame", 20).ok
    assert not bench.judge(bench.bias(), "Bias Frame", 60).ok


@pytest.mark.parametrize("seconds", [60.0, 600.0])
def test_an_honest_dark_passes(bench: Bench, seconds: float) -> None:
    check = bench.judge(bench.dark(seconds), "Dark Frame", 10, EXPTIME=seconds)
    assert check.ok, check
    assert len(check.figures) == 4


@pytest.mark.parametrize("wrong", WRONGS)
def test_a_dark_out_of_place_fails(bench: Bench, wrong: str) -> None:
    assert not bench.judge(WRONGS[wrong](bench.dark(300.0)), "Dark Frame", 10, EXPTIME=300.0).ok


def test_a_dark_of_another_exposure_or_temperature_fails(bench: Bench) -> None:
    dark = bench.dark(120.0)
    assert not bench.judge(dark, "Dark Frame", 10, EXPTIME=180.0).ok
    assert not bench.judge(dark, "Dark Frame", 10, EXPTIME=120.0, **{"CCD-TEMP": -7.0}).ok


def test_a_dark_without_its_bias_fails(bench: Bench) -> None:
    assert not bench.judge(bench.dark(60.0) - bench.sensor.bias_adu(), "Dark Frame", 10, EXPTIME=60.0).ok


@pytest.mark.parametrize("slope", [0.0, 0.003])
def test_an_honest_flat_passes_with_the_gradient_that_the_sky_leaves(bench: Bench, slope: float) -> None:
    check = bench.judge_flat(bench.flat("L", slope))
    assert check.ok, check


@pytest.mark.parametrize("wrong", WRONGS)
def test_a_flat_out_of_place_fails(bench: Bench, wrong: str) -> None:
    assert not bench.judge_flat(WRONGS[wrong](bench.flat("L"))).ok


def test_a_flat_of_another_filter_fails(bench: Bench) -> None:
    assert not bench.judge_flat(bench.flat("R"), "L").ok


def test_a_flat_with_a_gradient_or_star_trails_fails(bench: Bench) -> None:
    assert not bench.judge_flat(bench.flat("L", slope=0.03)).ok
    assert not bench.judge_flat(bench.flat("L", streak=0.15)).ok


def test_a_flat_scaled_to_one_or_with_a_wrong_flatmean_fails(bench: Bench) -> None:
    flat = bench.flat("L")
    assert not bench.judge_flat(flat / flat.mean()).ok
    assert not bench.judge_flat(flat, FLATMEAN=20_000.0).ok


def test_a_flat_that_kept_its_bias_fails(bench: Bench) -> None:
    assert not bench.judge_flat(bench.flat("L") + bench.sensor.bias_adu()).ok


def test_a_file_that_is_no_master_of_ours_is_refused(bench: Bench) -> None:
    with pytest.raises(UnknownMaster, match="Light"):
        bench.judge(bench.bias(), "Light Frame", 1)
    with pytest.raises(UnknownMaster, match="camera"):
        bench.judge(bench.bias(), "Bias Frame", 1, INSTRUME="another", TELESCOP="T9")
