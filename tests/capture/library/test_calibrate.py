"""A calibrated light is flat, says what was done to it, and never comes from what does not fit."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from capture.config import Config
from capture.errors import BadInput, StoreError
from capture.frame import Kind
from capture.library.calibrate import Calibrated, calibrate, calibrated_name
from capture.library.light import read_light
from capture.library.masters_for import masters_for
from capture.library.recipe import Way
from capture.store import fits_file
from capture.store.archive import Archive
from capture.store.fits_bands import PixelReader
from tests.capture.library.lights import HOT, SHAPE, configured, fill, opened, sky, write_light

LEVEL_ADU = 3000.0


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return configured(tmp_path)


@pytest.fixture
def archive(config: Config) -> Iterator[Archive]:
    archive = opened(config)
    fill(archive)
    yield archive
    archive.close()


def calibrated(
    archive: Archive, config: Config, raw: Path, way: Way | None = None, **policy: object
) -> Calibrated:
    chosen = config.calibration.model_copy(update=policy)
    light = read_light(raw)
    found = masters_for(archive.catalogue, light, "T1", chosen)
    return calibrate(light, found, archive.root, calibrated_name(raw), chosen, archive.clock.now(), way)


def seen(path: Path) -> tuple[fits.Header, NDArray[np.float64], NDArray[np.uint8] | None]:
    """A file as a stranger reads it, every checksum verified."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True, memmap=False) as hdus:
            hdus.verify("exception")
            mask = hdus["MASK"].data if len(hdus) > 1 else None
            return hdus[0].header.copy(), hdus[0].data.astype(np.float64), mask


def test_vignetting_dust_dark_current_and_hot_pixels_are_gone(
    archive: Archive, config: Config, tmp_path: Path, way: Way
) -> None:
    raw = write_light(tmp_path / "m42.fits", OBJECT="M 42")
    before = raw.read_bytes()
    made = calibrated(archive, config, raw, way)
    header, pixels, mask = seen(made.path)
    assert mask is not None
    good = mask == 0
    centre = pixels[15:45, 20:60][good[15:45, 20:60]].mean()
    # The flat is normalised by its central quarter, which is a little less bright than its middle.
    assert centre == pytest.approx(LEVEL_ADU * 0.963, rel=0.01)
    assert pixels[good].std() < 4
    assert abs(pixels[:, :20][good[:, :20]].mean() - pixels[:, 60:][good[:, 60:]].mean()) < 1
    assert raw.read_bytes() == before
    assert header["CALSTAT"] == made.calstat == "BDF"
    assert (header["OBJECT"], header["RAWFILE"], header["IMAGETYP"]) == ("M 42", "m42.fits", "Light Frame")


def test_the_mask_tells_hot_unlit_and_saturated_pixels(
    archive: Archive, config: Config, tmp_path: Path, way: Way
) -> None:
    made = calibrated(archive, config, write_light(tmp_path / "x.fits"), way)
    header, pixels, mask = seen(made.path)
    assert mask is not None
    assert mask[HOT] == 1
    assert set(np.unique(mask[:3, :4])) == {2}
    assert (mask[20, 30:32] == 4).all()
    assert made.counts == {"hot": 1, "unlit": 12, "saturated": 2, "no_value": 0}
    assert [header[k] for k in ("NHOT", "NUNLIT", "NSATUR", "NNOVALUE")] == [1, 12, 2, 0]
    # Who looks for saturation by the level alone finds them, too.
    assert header["SATURATE"] == pytest.approx(pixels[20, 30:32].min())
    # What the flat hardly lit is divided by a fifth, and not blown up.
    assert pixels[:3, :4].max() < LEVEL_ADU


def test_the_header_names_the_masters_with_their_hashes(
    archive: Archive, config: Config, tmp_path: Path
) -> None:
    made = calibrated(archive, config, write_light(tmp_path / "x.fits"))
    header, _, _ = seen(made.path)
    for kind in (Kind.DARK, Kind.FLAT):
        (row,) = [row for row in archive.catalogue.masters() if row.spec.kind is kind]
        assert header[f"{kind.value.upper()}FILE"] == Path(row.path).name
        assert header[f"{kind.value.upper()}SHA"] == row.sha256
    assert "the dark, which keeps its bias" in str(header["HISTORY"])
    assert header["FLATMEAN"] > 10000


def test_it_equals_the_plain_formula_to_the_last_digit_of_float32(
    archive: Archive, config: Config, tmp_path: Path, way: Way
) -> None:
    raw = write_light(tmp_path / "x.fits")
    made = calibrated(archive, config, raw, way)
    _, pixels, mask = seen(made.path)
    masters = {row.spec.kind: fits_file.read(archive.path_of(row)) for row in archive.catalogue.masters()}
    flat_header, flat = masters[Kind.FLAT]
    expected = (sky() - masters[Kind.DARK][1].astype(float)) / (flat.astype(float) / flat_header["FLATMEAN"])
    assert mask is not None
    lit = (mask & 2) == 0
    np.testing.assert_allclose(pixels[lit], expected[lit], rtol=1e-6, atol=1e-3)


def test_whole_numbers_keep_what_is_below_zero_above_a_pedestal(
    archive: Archive, config: Config, tmp_path: Path, way: Way
) -> None:
    raw = write_light(tmp_path / "x.fits", sky(level_adu=0.0))
    exact = seen(calibrated(archive, config, raw, way).path)[1]
    (tmp_path / "x_cal.fits").unlink()
    made = calibrated(archive, config, raw, way, output="uint16", mask=False)
    with fits.open(made.path) as hdus:
        assert hdus[0].data.dtype == np.uint16
        assert len(hdus) == 1
    header, pixels, _ = seen(made.path)
    assert header["PEDESTAL"] == -100
    assert (exact < 0).any()
    np.testing.assert_allclose(pixels + header["PEDESTAL"], exact, atol=0.51)


def test_a_scaled_dark_subtracts_the_bias_once(
    archive: Archive, config: Config, tmp_path: Path, way: Way
) -> None:
    from tests.capture.library.lights import ILLUMINATION, PATTERN, dark_level  # noqa: PLC0415

    level = dark_level() / 2
    raw = np.clip(np.rint(PATTERN + level + LEVEL_ADU * ILLUMINATION), 0, 65535).astype(np.uint16)
    path = write_light(tmp_path / "short.fits", raw, EXPTIME=60.0)
    made = calibrated(archive, config, path, way, scale_darks=True)
    header, pixels, mask = seen(made.path)
    assert mask is not None
    assert pixels[mask == 0].std() < 4
    assert np.median(pixels) == pytest.approx(LEVEL_ADU * 0.963, rel=0.01)
    assert (header["DARKSCAL"], header["CALSTAT"]) == (0.5, "BDF")
    assert header["BIASFILE"].startswith("MasterBias")


def test_the_bias_alone_says_so(archive: Archive, config: Config, tmp_path: Path, way: Way) -> None:
    raw = write_light(tmp_path / "x.fits", EXPTIME=300.0)
    made = calibrated(archive, config, raw, way, bias_only=True)
    assert made.calstat == "BF"
    assert "No dark fitted" in str(seen(made.path)[0]["HISTORY"])


def test_what_has_no_value_is_marked_and_never_nan(
    archive: Archive, config: Config, tmp_path: Path, way: Way
) -> None:
    pixels = sky().astype(np.float32)
    pixels[11, 12:14] = np.nan, np.inf
    made = calibrated(archive, config, write_light(tmp_path / "x.fits", pixels, SATURATE=None), way)
    header, values, mask = seen(made.path)
    assert mask is not None
    assert np.isfinite(values).all()
    assert (mask[11, 12:14] & 8).all()
    assert header["NNOVALUE"] == 2


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_lights_of_any_type_of_pixels_are_read(
    archive: Archive, config: Config, tmp_path: Path, dtype: type[np.generic]
) -> None:
    values = np.full(SHAPE, 200 if dtype is np.uint8 else 4000).astype(dtype)
    made = calibrated(archive, config, write_light(tmp_path / "x.fits", values))
    _, pixels, mask = seen(made.path)
    assert mask is not None
    expected = (200 if dtype is np.uint8 else 4000) - 524
    assert np.median(pixels[25:35, 35:45]) == pytest.approx(expected * 0.963, rel=0.02)


def test_a_light_that_lacks_a_master_stays_raw_with_the_reason(
    archive: Archive, config: Config, tmp_path: Path
) -> None:
    raw = write_light(tmp_path / "x.fits", FILTER="L")
    with pytest.raises(BadInput, match=r"stays raw: no flat L: .* its filter is Ha, not L"):
        calibrated(archive, config, raw)
    assert not calibrated_name(raw).exists()
    # With a policy that does without flats it is calibrated as far as it goes.
    assert calibrated(archive, config, raw, require=("dark",)).calstat == "BD"


def test_a_pedestal_that_would_be_divided_is_refused(
    archive: Archive, config: Config, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="PEDESTAL of -100"):
        calibrated(archive, config, write_light(tmp_path / "x.fits", PEDESTAL=-100))


def test_a_damaged_master_or_light_leaves_nothing(
    archive: Archive, config: Config, tmp_path: Path, way: Way
) -> None:
    (row,) = [row for row in archive.catalogue.masters() if row.spec.kind is Kind.FLAT]
    raw = write_light(tmp_path / "x.fits")
    cut = tmp_path / "cut.fits"
    cut.write_bytes(raw.read_bytes()[:-2880])
    with pytest.raises(BadInput, match="cut off"):
        calibrated(archive, config, cut, way)
    file = archive.path_of(row)
    content = bytearray(file.read_bytes())
    content[-4000] ^= 1
    file.write_bytes(content)
    with pytest.raises(StoreError, match="DATASUM"):
        calibrated(archive, config, raw, way)
    assert sorted(path.name for path in tmp_path.iterdir() if "cal" in path.name) == ["nightcal.toml"]


def test_pixels_that_cannot_be_told_are_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "folder.fits").mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        PixelReader(tmp_path / "folder.fits")
    raw = write_light(tmp_path / "x.fits").read_bytes()
    zero = b"BZERO   =                32768"
    assert zero in raw
    broken = tmp_path / "broken.fits"
    broken.write_bytes(raw.replace(zero, b"BZERO   =                  NAN", 1))
    with pytest.raises(StoreError, match="tell no values"):
        PixelReader(broken)


def test_a_setting_that_no_database_holds_is_none(tmp_path: Path) -> None:
    light = read_light(write_light(tmp_path / "x.fits", GAIN=1e300))
    assert light.spec.gain is None
    assert "gain" in light.unsaid


def test_nothing_is_overwritten(archive: Archive, config: Config, tmp_path: Path) -> None:
    raw = write_light(tmp_path / "x.fits")
    made = calibrated(archive, config, raw).path.read_bytes()
    with pytest.raises(StoreError, match="never overwritten"):
        calibrated(archive, config, raw)
    assert calibrated_name(raw).read_bytes() == made


def test_what_is_calibrated_is_no_light_any_more(archive: Archive, config: Config, tmp_path: Path) -> None:
    made = calibrated(archive, config, write_light(tmp_path / "x.fits"))
    with pytest.raises(BadInput, match="calibrated already"):
        read_light(made.path)


def test_cards_that_nobody_could_write_again_do_not_stop_it(
    archive: Archive, config: Config, tmp_path: Path
) -> None:
    raw = write_light(tmp_path / "x.fits", COMMENT="seen by somebody")
    content = raw.read_bytes()
    cards = (
        content[:2880]
        .replace(b"SET-TEMP", b"WHATEVER")
        .replace(b"GAIN    =                  100", b"GAIN    =                  100")
    )
    end = cards.index(b"END" + b" " * 77)
    odd = b"AIRMASS =                  NaN".ljust(80) + b"WEIRD   = 'no end".ljust(80)
    cards = cards[:end] + odd + b"END".ljust(80) + cards[end + 80 + len(odd) :]
    raw.write_bytes(cards[:2880] + content[2880:])
    header, _, _ = seen(calibrated(archive, config, raw).path)
    assert "AIRMASS" not in header
    assert "seen by somebody" in str(header["COMMENT"])


@pytest.mark.skipif(which("fitsverify") is None, reason="fitsverify is not installed: apt install fitsverify")
@pytest.mark.parametrize("output", ["float32", "uint16"])
def test_fitsverify_passes_a_calibrated_light(
    archive: Archive, config: Config, tmp_path: Path, output: str, way: Way
) -> None:
    made = calibrated(archive, config, write_light(tmp_path / "x.fits"), way, output=output)
    judged = subprocess.run(["fitsverify", "-q", str(made.path)], capture_output=True, text=True, check=False)
    assert "verification OK" in judged.stdout, judged.stdout


def test_where_the_header_does_not_say_it_the_camera_s_own_saturation_counts(
    archive: Archive, config: Config, tmp_path: Path
) -> None:
    pixels = sky()
    # The masters' frames say that this camera saturates at 60000; a full well of it is read with its noise.
    pixels[40, 41:44] = (60001, 59000, 58000)
    made = calibrated(archive, config, write_light(tmp_path / "x.fits", pixels, SATURATE=None))
    assert made.counts["saturated"] == 4
