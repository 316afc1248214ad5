"""Rigs that live night after night on their own: one that fails, waits or is paused holds back no other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.config import parse_config
from capture.errors import StoreError
from capture.journal import Entry, Journal
from capture.night.farm import Farm, open_farm
from capture.night.hand_runs import HandRun
from capture.night.scheduler import serve_nights, service_of
from capture.night.service import Service
from simulators import Fault, Observatory, serve
from tests.nights.harness import AFTERNOON, CONFIG, settings

DAY = timedelta(days=1)
ALL = Counter({"bias": 4, "dark 60 s": 2})


def few_frames(server: str) -> str:
    """Two rigs in the open, a few bias and darks each: short nights."""
    text = CONFIG.format(server=server)
    text = re.sub(r"\[roof\].*?(?=\[\[rig)", "", text, flags=re.DOTALL)
    text = re.sub(r"flats = .*", "flats = { count = 0 }", text)
    text = re.sub(r"bias = .*", "bias = { count = 4 }", text)
    return re.sub(r"darks = .*", "darks = { count = 2, exposures_s = [60], probe_s = 0 }", text)


@dataclass
class Site:
    """One service after another, in one simulated time and one archive."""

    folder: Path
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(AFTERNOON, timedelta(days=5)))
    entries: list[Entry] = field(default_factory=list)
    held: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.observatory = Observatory(self.clock, settings())

    def live(self, until: datetime, meanwhile: Callable[[Service, Farm], None] = lambda *_: None) -> None:
        """A service from now until then; `meanwhile` is a worker beside it."""

        def body() -> None:
            journal = Journal(self.clock)
            journal.listen(self.entries.append)
            with open_farm(config, self.clock, journal) as farm:
                service = service_of(farm, journal)
                beside = self.clock.spawn(lambda: meanwhile(service, farm), "meanwhile", rank=60)
                serve_nights(farm, journal, until, service)
                beside.join()
                frames = farm.archive.catalogue.frames(good=True)
                self.held = Counter((frame.rig, str(frame.spec.set_key())) for frame in frames)

        with serve(self.observatory) as server:
            config = parse_config(few_frames(server.address), self.folder / "nightcal.toml")
            self.clock.run(body)

    def of(self, rig: str) -> Counter[str]:
        return Counter({spec: count for (name, spec), count in self.held.items() if name == rig})

    def said(self, source: str, kind: str, words: str) -> list[datetime]:
        """When that was said."""
        return [e.time for e in self.entries if (e.source, e.kind) == (source, kind) and words in e.text]


def test_a_rig_that_is_given_up_delays_no_other_and_is_tried_again_the_next_night(tmp_path: Path) -> None:
    site = Site(tmp_path)

    def fail(_service: Service, _farm: Farm) -> None:
        site.observatory.faults.add(Fault("camera/1", "*", "refuse"))
        site.clock.sleep_until(AFTERNOON + DAY - timedelta(hours=4))
        assert site.said("T1", "night", "ends")
        assert [e for e in site.entries if e.kind == "master" and e.data["rig"] == "T1"]
        site.observatory.faults.clear()

    site.live(AFTERNOON + 1.6 * DAY, fail)
    assert (site.of("T1"), site.of("T2")) == (ALL, ALL)
    (given_up,) = site.said("T2", "alarm", "given up for tonight")
    tried = site.said("T2", "night", "begins")
    assert len(tried) == 2
    assert tried[0] < given_up < tried[1]
    ends = site.said("T1", "night", "ends")
    assert given_up < ends[0]
    assert len(ends) == 2


def test_a_paused_rig_waits_over_a_restart_while_the_other_works_and_goes_on_when_resumed(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path)
    site.live(AFTERNOON + timedelta(minutes=1), lambda service, _: service.pause(["T2"], "ada", "a visitor"))

    def resume(service: Service, _farm: Farm) -> None:
        site.clock.sleep_until(AFTERNOON + timedelta(hours=7))
        (t1, t2) = service.status()["rigs"]
        assert t1["paused"] is None
        assert "paused by ada" in t2["paused"]
        assert t2["paused"].endswith("a visitor")
        assert not site.said("T2", "night", "begins")
        service.resume([], "ada", "")

    site.live(AFTERNOON + timedelta(hours=12), resume)
    assert (site.of("T1"), site.of("T2")) == (ALL, ALL)
    assert min(site.said("T2", "night", "begins")) == AFTERNOON + timedelta(hours=7)


@pytest.mark.parametrize(
    "error", [RuntimeError("a bug"), StoreError("the disk is full")], ids=["bug", "disk"]
)
def test_what_nobody_foresaw_is_an_alarm_and_the_rig_is_tried_again_the_same_night(
    tmp_path: Path, error: Exception
) -> None:
    site = Site(tmp_path)
    went_wrong = []

    def break_it(_service: Service, farm: Farm) -> None:
        save = farm.archive.save

        def once(*arguments: object, **options: object) -> object:
            if not went_wrong:
                went_wrong.append(site.clock.now())
                raise error
            return save(*arguments, **options)  # type: ignore[arg-type]

        run = farm.runners["T1"].run
        if isinstance(error, StoreError):
            farm.archive.save = once  # type: ignore[method-assign, assignment]
        else:
            save = run  # type: ignore[assignment]
            farm.runners["T1"].run = once  # type: ignore[method-assign, assignment]

    site.live(AFTERNOON + timedelta(hours=12), break_it)
    assert len(went_wrong) == 1
    alarms = site.said("T1", "alarm", str(error)) + site.said("T2", "alarm", str(error))
    assert alarms
    assert (site.of("T1"), site.of("T2")) == (ALL, ALL)


def test_a_run_by_hand_comes_before_the_plans_own_work_and_by_day_at_once(tmp_path: Path) -> None:
    site = Site(tmp_path)

    def ask(service: Service, farm: Farm) -> None:
        site.clock.sleep(60.0)
        service.ask("T1", HandRun("darks", exposures_s=(5.0,), count=3, who="ada"))
        # The plan's darks of 60 s are under way.
        while not (farm.rigs["T1"].under_way and site.said("T1", "run", "darks starts: 2 frames")):
            site.clock.sleep(1.0)
        site.clock.sleep(20.0)
        asked = HandRun("darks", exposures_s=(7.0,), count=1, binning=2, temperature_c=-15.0, who="ada")
        told.append(service.ask("T1", asked))

    told: list[str] = []
    site.live(AFTERNOON + timedelta(hours=12), ask)
    (words,) = told
    assert re.search(
        r"T1 takes darks 7 s bin2 at -15 C x1 after the frame under way, in about 4\d s; darks goes on", words
    )
    assert site.of("T1") == ALL + Counter({"dark 5 s": 3, "dark 7 s 2x2": 1})
    (by_day, by_night) = site.said("T1", "run", "by hand, asked by ada")
    (bias,) = site.said("T1", "run", "bias starts")
    assert AFTERNOON + timedelta(seconds=60) <= by_day < bias < by_night
    starts = [e for e in site.entries if e.source == "T1" and e.kind == "run" and "darks starts" in e.text]
    assert [e.data["wanted"] for e in starts] == [3, 2, 1, 1], "the plan's second dark is taken afterwards"
    assert site.said("T1", "cooling", "cooling to -15 C")
    (ended,) = site.said("T1", "run", "darks ends after 1 frames: T1: it gives way to a run by hand")
    assert ended <= by_night
