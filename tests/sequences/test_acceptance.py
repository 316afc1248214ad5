"""Every gate of a flat fires where it must, with a reason in words, and nowhere else."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from capture.frame import Frame
from capture.rig.directions import Direction
from sequences.acceptance import Acceptance, Foreseen, Judged
from sequences.flat_controller import FlatSettings
from sequences.flat_shape import FlatShape, shape_of
from tests.sequences.flats import BIAS_ADU, SHAPE, flat, speck, tilt, trails, vignetting

SETTINGS = FlatSettings(target_adu=30_000, tolerance=0.25, min_exposure_s=0.2, max_exposure_s=60)
SPOT = Direction(76.0, 60.0)


def master(light: np.ndarray | None = None) -> dict[str, FlatShape]:  # type: ignore[type-arg]
    shape = shape_of((30_000 * (vignetting() if light is None else light)).astype(np.float32))
    assert shape is not None
    return {"R": shape}


def judged(
    *frames: Frame, masters: dict[str, FlatShape] | None = None, foreseen: Foreseen | None = None
) -> list[Judged]:
    acceptance = Acceptance(SETTINGS, BIAS_ADU, masters)
    return [acceptance.judge(frame, SPOT, foreseen) for frame in frames]


def reasons(*frames: Frame, **known: object) -> list[str]:
    """Of each frame its reasons, by the name of their gates; empty when it is good."""
    verdicts = [one.frame.verdict for one in judged(*frames, **known)]  # type: ignore[arg-type]
    return [" ".join(reason.partition(":")[0] for reason in verdict.reasons) for verdict in verdicts]


def test_a_good_flat_is_good_and_everything_that_was_measured_stays_with_it() -> None:
    (one, other) = judged(flat(), flat(number=1), masters=master(), foreseen=Foreseen(29_000, 0.02))
    assert one.frame.verdict.good
    assert other.frame.verdict.good
    assert one.frame.target_adu == 30_500
    assert dict(other.frame.gates) == {
        "level_percent": pytest.approx(0.0, abs=0.1),
        "predicted_adu": 29_500,
        "sky_percent": pytest.approx(3.4, abs=0.1),
        "stars_percent": pytest.approx(0.0, abs=0.02),
        "gradient_percent": pytest.approx(0.0, abs=0.1),
        "shape_rms_percent": pytest.approx(0.0, abs=0.1),
        "shape_worst_percent": pytest.approx(0.0, abs=0.4),
        "master_rms_percent": pytest.approx(0.0, abs=0.1),
        "master_worst_percent": pytest.approx(0.0, abs=0.4),
        "spot_deg": pytest.approx(0.0, abs=1e-5),
        "moved_arcsec": pytest.approx(251.6, abs=0.1),
    }


@pytest.mark.parametrize(("level_adu", "words"), [(22_400, "-25%"), (37_600, "+25%"), (3, "-100%")])
def test_a_level_beside_the_band_is_refused(level_adu: float, words: str) -> None:
    (one,) = judged(flat(level_adu=level_adu))
    assert f"is {words} from the target 30000, allowed is 25%" in str(one.frame.verdict)


@pytest.mark.parametrize("level_adu", [22_600, 37_400])
def test_a_level_at_the_bands_edge_is_good(level_adu: float) -> None:
    assert reasons(flat(level_adu=level_adu)) == [""]


@pytest.mark.parametrize(
    ("foreseen", "words"),
    [
        (Foreseen(30_000, 0.03), "; clouds, for the sky was 50% darker than foreseen"),
        (Foreseen(1_000, 0.03), "; clouds, for the sky was 15 times brighter than foreseen"),
        (Foreseen(30_000, 1.0), ""),
        (Foreseen(15_600, 0.001), ""),
    ],
)
def test_a_level_beside_the_band_is_laid_to_clouds_only_when_the_sky_was_foreseen_otherwise(
    foreseen: Foreseen, words: str
) -> None:
    first, second = judged(flat(level_adu=15_000), flat(level_adu=15_000, number=1), foreseen=foreseen)
    assert str(second.frame.verdict).endswith("allowed is 25%" + words)
    assert str(first.frame.verdict).endswith("allowed is 25%"), "it may be the filter's doing"


def test_a_sky_that_leaps_is_refused_within_the_band_too() -> None:
    frames = [flat(number=number, level_adu=36_900) for number in range(2)]
    (_, one) = judged(*frames, foreseen=Foreseen(30_000, 0.01))
    assert str(one.frame.verdict).startswith("sky: 23% brighter than foreseen, a cloud's edge or a lamp")
    assert reasons(*frames, foreseen=Foreseen(30_000, 0.06)) == ["", ""], "restless anyway"
    assert reasons(*frames, foreseen=Foreseen(33_000, 0.01)) == ["", ""], "not that far"
    assert reasons(*frames) == ["", ""], "nothing was foreseen"


def test_bright_pixels_beyond_the_linear_range_are_refused() -> None:
    light = vignetting()
    light[120:128, 180:200] *= 2.3
    assert reasons(flat(light)) == ["saturation"]
    assert "linear is up to 62258" in str(judged(flat(light))[0].frame.verdict)
    assert reasons(flat(np.ones(SHAPE), saturation_adu=33_000.0)) == [""]
    assert reasons(flat(np.ones(SHAPE), saturation_adu=32_000.0)) == ["saturation"]


@pytest.mark.parametrize(
    ("exposure_s", "why"), [(0.1, "exposure"), (0.2, ""), (60.0, ""), (61.0, "exposure")]
)
def test_an_exposure_beyond_its_limits_is_refused(exposure_s: float, why: str) -> None:
    assert reasons(flat(exposure_s=exposure_s)) == [why]


@pytest.mark.parametrize(("count", "why"), [(0, ""), (5, ""), (60, "stars")])
def test_stars_are_refused_when_they_cover_a_hundredth(count: int, why: str) -> None:
    assert reasons(flat(vignetting() * trails(count))) == [why]


@pytest.mark.parametrize("beneath", [vignetting(), vignetting() * tilt(0.8)], ids=["even", "steep"])
def test_the_area_of_the_stars_is_measured_rightly(beneath: np.ndarray) -> None:  # type: ignore[type-arg]
    light = trails(30, strength=0.12)
    (one,) = judged(flat(beneath * light))
    assert one.frame.gates["stars_percent"] == pytest.approx(100 * np.mean(light > 1), rel=0.15)


@pytest.mark.parametrize(
    ("electrons_per_adu", "light"),
    [
        (0.05, vignetting()),
        (1.0, vignetting(falloff=0.6)),
        (1.0, vignetting() * speck(0.08)),
        (10.0, vignetting()),
    ],
    ids=["a noisy camera", "strong vignetting", "dust", "hardly any noise"],
)
def test_what_is_no_star_is_not_taken_for_one(electrons_per_adu: float, light: np.ndarray) -> None:  # type: ignore[type-arg]
    (one,) = judged(flat(light, electrons_per_adu=electrons_per_adu))
    assert one.frame.gates["stars_percent"] < 0.2


@pytest.mark.parametrize(("off_deg", "why"), [(0.0, ""), (4.5, ""), (5.5, "pointing"), (-90.0, "pointing")])
def test_a_telescope_that_looks_elsewhere_is_told(off_deg: float, why: str) -> None:
    assert reasons(flat(altitude_deg=76.0 + off_deg)) == [why]


def test_stars_that_did_not_move_are_told_and_the_next_is_compared_with_the_last_good_one() -> None:
    frames = [flat(), flat(number=1, right_ascension_h=3.0), flat(number=2, right_ascension_h=3.001)]
    assert reasons(*frames) == ["", "dither", ""]
    bad = flat(number=1, right_ascension_h=3.1, level_adu=50_000)
    assert reasons(flat(), bad, flat(number=2, right_ascension_h=3.1)) == ["", "level", ""]
    other_filter = flat(number=1, right_ascension_h=3.0, filter_name="G")
    assert reasons(flat(), other_filter) == ["", ""]


def test_a_rig_without_a_mount_is_judged_by_its_pixels() -> None:
    nowhere = {"altitude_deg": None, "azimuth_deg": None, "right_ascension_h": None, "declination_deg": None}
    frames = [flat(number=number, **nowhere) for number in range(3)]  # type: ignore[arg-type]
    acceptance = Acceptance(SETTINGS, BIAS_ADU)
    assert all(acceptance.judge(frame).frame.verdict.good for frame in frames)


@pytest.mark.parametrize(("part", "why"), [(0.007, ""), (0.014, "gradient"), (-0.014, "gradient")])
def test_a_gradient_that_others_have_not_is_refused(part: float, why: str) -> None:
    others = [flat(number=number) for number in range(3)]
    assert reasons(*others, flat(vignetting() * tilt(part), 9)) == ["", "", "", why]
    assert reasons(flat(vignetting() * tilt(part), 9), masters=master()) == [why]


def test_a_gradient_that_all_of_the_night_have_is_the_nights_own() -> None:
    tilted = [flat(vignetting() * tilt(0.02), number) for number in range(4)]
    assert reasons(*tilted) == [""] * 4


@pytest.mark.parametrize(("shift", "why"), [(0.01, ""), (0.05, "shape")])
def test_one_flat_unlike_its_neighbours_is_refused(shift: float, why: str) -> None:
    hump = vignetting() * (1 + shift * np.exp(-((np.indices(SHAPE)[1] - 150) ** 2) / 800))
    others = [flat(number=number) for number in range(3)]
    assert reasons(*others, flat(hump, 9), flat(number=10))[3:] == [why, ""]


def test_optics_that_changed_raise_one_alarm_and_cost_no_flat() -> None:
    found = judged(*(flat(vignetting() * speck(0.06), number) for number in range(6)), masters=master())
    assert all(one.frame.verdict.good for one in found)
    alarms = [one.alarm for one in found]
    assert [alarm is not None for alarm in alarms] == [False, False, True, False, False, False]
    assert re.search(r"R: 3 flats in a row .* unlike the last master .* nightcal event", str(alarms[2]))


def test_a_tilt_of_the_optics_is_believed_from_the_third_flat_that_shows_it() -> None:
    tilted = [flat(vignetting() * tilt(0.03), number) for number in range(5)]
    found = judged(*tilted, masters=master())
    assert [one.frame.verdict.good for one in found] == [False, False, True, True, True]
    assert [one.alarm is not None for one in found] == [False, False, True, False, False]


def test_flats_that_are_all_unlike_each_other_are_never_believed() -> None:
    tilted = [flat(vignetting() * tilt(0.02 * (number + 1)), number) for number in range(5)]
    assert reasons(*tilted, masters=master()) == ["gradient"] * 5


def test_a_first_flat_that_is_odd_does_not_spoil_the_rest() -> None:
    odd = flat(vignetting() * tilt(0.05), 9)
    found = [one.frame.verdict.good for one in judged(odd, *(flat(number=n) for n in range(5)))]
    assert found == [True, False, False, True, True, True]


def test_a_flat_refused_for_its_level_is_no_measure_for_others() -> None:
    dim = flat(vignetting() * tilt(0.05), 9, level_adu=10_000)
    assert reasons(dim, *(flat(number=number) for number in range(3))) == ["level", "", "", ""]


def test_one_flat_is_no_measure_where_there_is_a_master() -> None:
    frames = [flat(vignetting() * tilt(0.009)), flat(vignetting() * tilt(-0.006), 1)]
    assert reasons(*frames, masters=master()) == ["", ""]
    assert reasons(*frames) == ["", "gradient"]


def test_what_is_like_the_last_master_is_good_whatever_came_before() -> None:
    frames = [flat(vignetting() * speck(0.06)), flat(number=1)]
    assert reasons(*frames, masters=master()) == ["", ""]
    assert reasons(*frames) == ["", "shape"]


def test_a_master_of_another_size_is_no_measure() -> None:
    small = shape_of((30_000 * vignetting((48, 64))).astype(np.float32))
    assert small is not None
    assert reasons(flat(), flat(number=1), masters={"R": small}) == ["", ""]


def bayer(light: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """The light through a mosaic, the first colour of which is the brightest."""
    through = light.copy()
    through[::2, 1::2] *= 0.5
    through[1::2, ::2] *= 0.6
    through[1::2, 1::2] *= 0.3
    return through


def test_of_a_colour_sensor_the_brightest_plane_decides_the_level() -> None:
    frame = flat(bayer(np.ones(SHAPE)), level_adu=16_500, bayer_pattern="GRBG")
    assert frame.statistics.median_adu - BIAS_ADU == pytest.approx(30_000, rel=0.01)
    assert reasons(frame) == [""]
    assert reasons(replace(frame, statistics=flat(level_adu=16_500).statistics)) == ["level"]


def test_of_a_colour_sensor_each_plane_is_held_to_the_gradient() -> None:
    def coloured(part: float, number: int) -> Frame:
        light = bayer(vignetting())
        light[1::2, 1::2] *= tilt(part)[1::2, 1::2]
        return flat(light, number, level_adu=16_500, bayer_pattern="GRBG")

    assert reasons(coloured(0.0, 0), coloured(0.0, 1), coloured(0.02, 2)) == ["", "", "gradient"]


@pytest.mark.parametrize("shape", [(64, 64), (64, 96), (128, 128), (512, 512)])
def test_clean_flats_of_any_size_are_good(shape: tuple[int, int]) -> None:
    frames = [flat(vignetting(shape), number) for number in range(30)]
    assert reasons(*frames) == [""] * 30


@pytest.mark.parametrize("shape", [(1, 1), (4, 300), (8, 8), (20, 20), (40, 40)])
def test_a_handful_of_pixels_is_judged_by_its_level_alone(shape: tuple[int, int]) -> None:
    assert reasons(*(flat(np.ones(shape), number) for number in range(3))) == [""] * 3
