"""The status that the service tells while a night goes on: by what its workers have seen."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from capture.night.farm import Farm
from capture.night.service import Service
from tests.nights.harness import AFTERNOON
from tests.nights.test_the_service import Site

EVERY_S = 20.0


def statuses_of_a_night(folder: Path) -> list[dict[str, Any]]:
    """What the service said of T1, every so often from the afternoon until its night was over."""
    site, told = Site(folder), []

    def look(service: Service, _farm: Farm) -> None:
        while not site.said("T1", "night", "ends"):
            (status, _) = service.status()["rigs"]
            told.append(status | {"now": site.clock.now()})
            site.clock.sleep(EVERY_S)

    site.live(AFTERNOON + timedelta(hours=14), look)
    return told


def test_the_status_tells_exposure_set_temperature_and_what_comes_next(tmp_path: Path) -> None:
    told = statuses_of_a_night(tmp_path)
    first = told[0]
    assert (first["sequence"], first["exposure"], first["temperature_c"]) == (None, None, None)
    assert first["roof"] == "none"
    assert datetime.fromisoformat(first["next_window"]["start"]) > first["now"]

    exposing = [s for s in told if s["exposure"] and s["exposure"]["kind"] == "dark"]
    for status in exposing:
        exposure = status["exposure"]
        ends = datetime.fromisoformat(exposure["started"]) + timedelta(seconds=exposure["exposure_s"])
        assert exposure["left_s"] == max(0.0, round((ends - status["now"]).total_seconds(), 1))
        assert (exposure["exposure_s"], exposure["filter"]) == (60.0, None)
        assert status["sequence"] == "darks"
        assert datetime.fromisoformat(status["eta"]) > status["now"]
        assert abs(status["temperature_c"] - status["set_temperature_c"]) < 0.6
        assert datetime.fromisoformat(status["temperature_read"]) <= status["now"]
        assert 0 < status["cooler_power_percent"] <= 100
    progress = [s["set_progress"] for s in exposing]
    assert {(p["set"], p["wanted"]) for p in progress} == {("dark 60 s", 2)}
    assert {p["taken"] for p in progress} == {0, 1}
    assert told[-1]["exposure"] is None
