"""A night in which one filter is taken in another setup: in the same run, with a bias of its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from capture.clock import SimulatedClock
from capture.config import parse_config
from capture.frame import Kind, Setup
from capture.night.needs import needs_of, spec_by_catalogue
from capture.store.archive import Archive
from tests.nights.harness import CONFIG, SITE, live, settings

DARKS = "darks = { count = 5, exposures_s = [60, 300] }"
USUAL, BINNED = Setup(1, 0, 50, "Normal"), Setup(2, 60, 50, "Low noise")


def in_two_setups(text: str) -> str:
    """T1's G binned, at a gain and in a readout mode of its own."""
    assert text.count(DARKS) == text.count("max_exposure_s = 30.0") == 1
    text = text.replace(DARKS, f"{DARKS}\ngain = 0\noffset = 50\nreadout_mode = 0")
    sets = '[{ filters = ["G"], binning = 2, gain = 60, readout_mode = 1 }]'
    return text.replace("max_exposure_s = 30.0", f"max_exposure_s = 30.0, set = {sets}")


def test_every_setup_gets_its_flats_its_bias_and_nothing_is_missing_afterwards(tmp_path: Path) -> None:
    night = live(tmp_path, settings(), change=in_two_setups)
    mine = [frame for frame in night.frames if frame.rig == "T1" and frame.good]
    flats = [frame for frame in mine if frame.kind is Kind.FLAT]
    assert Counter((flat.spec.filter, flat.spec.setup) for flat in flats) == {
        ("L", USUAL): 4, ("Ha", USUAL): 4, ("G", BINNED): 4,
    }  # fmt: skip
    biases = Counter(frame.spec.setup for frame in mine if frame.kind is Kind.BIAS)
    assert biases == {USUAL: 6, BINNED: 6}
    assert {frame.spec.setup for frame in mine if frame.kind is Kind.DARK} == {USUAL}
    runs = [{flat.run for flat in flats if flat.spec.setup == setup} for setup in (USUAL, BINNED)]
    assert runs[0] & runs[1], "one run has both"

    config = parse_config(in_two_setups(CONFIG.format(server="127.0.0.1:1")), tmp_path / "nightcal.toml")
    archive = Archive(config.storage.folder, SITE, SimulatedClock(night.ended))
    try:
        rig = config.rig_named("T1")
        needs = needs_of(rig, ("L", "G", "Ha"), spec_by_catalogue(rig, archive.catalogue))
        assert all(holding.missing(night.ended) is None for holding in archive.catalogue.held(needs))
    finally:
        archive.close()
