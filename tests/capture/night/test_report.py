"""The report: one file that tells an operator the night, whatever the night was like."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from capture.clock import SimulatedClock
from capture.errors import StoreError
from capture.frame import Facts, Frame, FrameSpec, Kind, Statistics
from capture.journal import Entry
from capture.night.report import Check, write_report
from capture.site import Site
from capture.store import fits_file
from capture.store.archive import Archive
from capture.store.rows import FrameRow, MasterRow
from tests.capture.store.frames import NIGHT, SITE, noise

HOSTILE = "T<script>alert(1)</script>&\"'\x1b"
VOID = {"meta", "img", "br", "hr", "link", "input"}
MORNING = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
DUSK = datetime(2026, 11, 22, 0, 10, tzinfo=UTC)


class Page(HTMLParser):
    """A page taken apart: elements, visible words by section, and whether tags close in order."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.source = path.read_text(encoding="utf-8")
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: dict[str, str] = {}
        self._open: list[str] = []
        self._section = "head"
        self.feed(self.source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag in ("section", "header", "footer"):
            self._section = dict(attrs).get("id") or tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words[self._section] = " ".join((self.words.get(self._section, "") + data).split()) + " "

    def count(self, tag: str, class_: str = "") -> int:
        """How many elements have this tag and class."""
        return sum(t == tag and class_ in (a.get("class") or "") for t, a in self.elements)

    def drawings(self, class_: str) -> list[ET.Element]:
        """The SVG images of a class, each parsed as XML."""
        found = re.findall(r"<svg.*?</svg>", self.source, re.DOTALL)
        return [tree for tree in map(ET.fromstring, found) if class_ in (tree.get("class") or "").split()]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(tmp_path / "archive", SITE, SimulatedClock(MORNING))
    yield archive
    archive.close()


@pytest.fixture
def report(archive: Archive, tmp_path: Path) -> Callable[..., Page]:
    def write(checks: tuple[Check, ...] = (), archive: Archive = archive) -> Page:
        return Page(write_report(archive, NIGHT, tmp_path / "out" / "report.html", checks))

    return write


def take(
    archive: Archive,
    spec: FrameSpec,
    when: datetime,
    *reasons: str,
    rig: str = "T1",
    run: int | None = None,
    level: float = 1000.0,
    target: float | None = None,
    gates: dict[str, float] | None = None,
) -> FrameRow:
    """Save one small frame of `spec`."""
    pixels = noise(int(when.timestamp()) % 9999, level=level)
    facts = Facts(
        rig=rig,
        camera=f"Camera of {rig}",
        started=when,
        exposure_s=spec.exposure_s,
        sun_altitude_deg=archive.site.sun_altitude_deg(when),
        ccd_temperature_c=-10.1,
        saturation_adu=60000.0,
    )
    frame = Frame(pixels, spec, facts, Statistics.of(pixels, 60000.0), target_adu=target, gates=gates or {})
    return archive.save(frame.judged(*reasons), run, NIGHT)


def flat(filter_name: str | None, exposure_s: float = 2.5) -> FrameSpec:
    return FrameSpec(Kind.FLAT, exposure_s, filter_name)


def publish(
    archive: Archive, inputs: list[FrameRow], name: str, shape: tuple[int, int] = (60, 90)
) -> MasterRow:
    """A master with a bright lower edge."""
    pixels = np.full(shape, 1000.0, np.float32)
    pixels[-10:] = 2000.0
    rig, spec = inputs[-1].rig, inputs[-1].spec.set_key()
    path = f"masters/{rig}/{name}"
    sha256 = fits_file.write(archive.root / path, pixels, [("IMAGETYP", "Bias Frame", "")])
    figures = {"median_adu": 1000.0, "noise_adu": 1.37, "rejected_fraction": 0.0042}
    return archive.catalogue.add_master(
        rig=rig,
        spec=spec,
        path=path,
        sha256=sha256,
        method="clip",
        built=MORNING,
        inputs=inputs,
        figures=figures,
    )


def say(archive: Archive, when: datetime, source: str, kind: str, text: str, **data: object) -> None:
    archive.catalogue.add_entry(Entry(when, source, kind, text, data))


def whole_night(archive: Archive) -> list[FrameRow]:
    """Flats of two filters at dusk and dawn, bias, darks, a roof that moves and clouds."""
    rows: list[FrameRow] = []
    run = archive.catalogue.open_run("T1", "sky_flats", NIGHT, DUSK)
    for number in range(12):
        spec = flat("Ha" if number < 6 else "L", 0.5 * 1.6**number)
        reasons = ("level 9000 ADU is -70% from the target",) if number == 5 else ()
        when = DUSK + timedelta(seconds=40 * number)
        rows.append(take(archive, spec, when, *reasons, run=run, level=30000 + 400 * number, target=32750))
    archive.catalogue.close_run(run, DUSK + timedelta(minutes=20), "complete")
    for number in range(6):
        when = DUSK + timedelta(hours=3, minutes=number)
        rows.append(take(archive, FrameSpec(Kind.BIAS), when))
    for number in range(6):
        when = DUSK + timedelta(hours=4, minutes=3 * number)
        rows.append(take(archive, FrameSpec(Kind.DARK, 120.0, set_temperature_c=-10), when))
    for number in range(6):
        when = DUSK + timedelta(hours=13, seconds=30 * number)
        rows.append(take(archive, flat("L"), when, level=33000, target=32750))
    say(archive, DUSK - timedelta(minutes=5), "roof", "roof", "the roof is open", state="open")
    say(archive, DUSK + timedelta(hours=1), "weather", "safety", "unsafe: clouds", safe=False)
    say(archive, DUSK + timedelta(hours=1), "roof", "roof", "the roof is shut", state="shut")
    return rows


def test_a_whole_night_is_told_in_one_sentence_and_in_its_sections(
    archive: Archive, report: Callable[..., Page]
) -> None:
    rows = whole_night(archive)
    publish(archive, rows[12:18], "MasterBias.fits")
    page = report()
    assert (
        "T1 took 30 frames, 29 good and 1 rejected; 1 master was built, not compared" in page.words["header"]
    )
    assert "Mayhill night of 21 to 22 November 2026" in page.words["header"]
    assert "T1 30 29 1 1" in page.words["summary"]
    assert "level 9000 ADU is -70% from the target" in page.words["rejected"]
    assert "T1_flat_Ha_0006.fits" in page.words["rejected"]
    assert "flat Ha 6 5 1" in page.words["sets"]
    assert "unsafe: clouds" in page.words["log"]
    sections = [attributes.get("id") for tag, attributes in page.elements if tag == "section"]
    assert sections == ["summary", "timeline", "flats", "rejected", "masters", "sets", "log"]


def test_a_set_with_too_few_good_frames_for_a_master_is_flagged(
    archive: Archive, report: Callable[..., Page]
) -> None:
    for number in range(10):
        reasons = ("stars cover 2 %",) if number == 4 else ()
        when = DUSK + timedelta(seconds=40 * number)
        take(archive, flat("B" if number < 5 else "R"), when, *reasons, level=33000, target=32750)
    words = report().words["sets"]
    assert "flat B 5 4, fewer than the 5 of a master 1" in words
    assert "flat R 5 5 0" in words


def test_the_page_needs_nothing_but_itself(archive: Archive, report: Callable[..., Page]) -> None:
    publish(archive, whole_night(archive)[12:18], "MasterBias.fits")
    page = report()
    outside = page.source.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|//\w|url\(|@import|<script|<link|<iframe", outside.split("base64,")[0])
    assert page.count("script") == page.count("link") == 0
    for tag, attributes in page.elements:
        assert "href" not in attributes, tag
        assert (attributes.get("src") or "data:").startswith("data:")


def test_every_drawing_is_well_formed(archive: Archive, report: Callable[..., Page]) -> None:
    whole_night(archive)
    page = report()
    assert len(page.drawings("timeline")) == 2
    assert len(page.drawings("plot")) == 2
    coordinates = [
        v for d in ("timeline", "plot") for t in page.drawings(d) for e in t.iter() for v in e.attrib.values()
    ]
    assert not any(re.search(r"\b(nan|inf)\b", value) for value in coordinates)


def test_the_timeline_shows_every_exposure_and_marks_the_rejected_ones(
    archive: Archive, report: Callable[..., Page]
) -> None:
    whole_night(archive)
    wide = next(tree for tree in report().drawings("timeline") if "wide" in (tree.get("class") or ""))
    classes = [element.get("class") or "" for element in wide.iter()]
    assert [sum(c.startswith(f"frame {kind}") for c in classes) for kind in ("flat", "bias", "dark")] == [
        18,
        6,
        6,
    ]
    assert classes.count("reject") == 1
    words = [text for element in wide.iter() if (text := element.text)]
    assert {"open", "shut", "unsafe", "UTC", "local MST"} <= set(words)
    bands = {c.split()[1] for c in classes if c.startswith("sky ")}
    assert bands == {"day", "civil", "nautical", "astronomical", "night"}
    width = float((wide.get("viewBox") or "").split()[2])
    for bar in wide.iter("{http://www.w3.org/2000/svg}rect"):
        assert 0 <= float(bar.get("x") or -1) <= width
        assert float(bar.get("x") or 0) + float(bar.get("width") or 0) <= width


def test_the_roof_keeps_its_last_word_from_days_before(archive: Archive, report: Callable[..., Page]) -> None:
    say(archive, DUSK - timedelta(days=3), "roof", "roof", "the roof is shut", state="shut")
    (wide, _) = report().drawings("timeline")
    assert any("Roof: shut" in (element.text or "") for element in wide.iter())


def test_flats_of_dusk_and_dawn_and_of_each_filter_are_told_apart(
    archive: Archive, report: Callable[..., Page]
) -> None:
    whole_night(archive)
    for tree in report().drawings("plot"):
        marks = [element.get("class") or "" for element in tree.iter()]
        assert sum(m.startswith("mark dusk") for m in marks) == 12
        assert sum(m.startswith("mark dawn") for m in marks) == 6
        assert marks.count("reject") == 1
        names = [element for element in tree.iter() if (element.get("class") or "").startswith("name ")]
        assert {name.get("class") for name in names} == {"name c-dark-red", "name c-lum"}


def test_levels_are_drawn_against_those_that_were_foreseen(
    archive: Archive, report: Callable[..., Page]
) -> None:
    for number, (foreseen, level) in enumerate([(1000.0, 1020.0), (1000.0, 980.0), (950.0, 950.0)]):
        when = DUSK + timedelta(minutes=number)
        take(archive, flat("L"), when, level=level, target=1000.0, gates={"predicted_adu": foreseen})
    take(archive, flat("Ha"), DUSK + timedelta(minutes=9), level=1000.0, target=1000.0)
    page = report()
    plot = page.drawings("plot")[2]
    marks = [element for element in plot.iter() if (element.get("class") or "").startswith("mark ")]
    assert len(marks) == 3
    x, y = zip(
        *((float(mark[1].get("cx") or 0), float(mark[1].get("cy") or 0)) for mark in marks), strict=True
    )
    assert x[0] == x[1] > x[2], "more was foreseen of the first two"
    assert y[0] < y[1] < y[2], "a brighter one stands higher"
    (line,) = [element for element in plot.iter() if element.get("class") == "aim"]
    x1, y1, x2, y2 = (float(line.get(name) or 0) for name in ("x1", "y1", "x2", "y2"))
    assert y[2] == pytest.approx(y1 + (x[2] - x1) * (y2 - y1) / (x2 - x1), abs=2.0), "as foreseen"
    assert "Ha 1 1 2.5 s" in page.words["flats"]
    assert "L 3 3 2.5 s 3.3 % 1.6 %" in page.words["flats"]


def test_rejected_frames_are_counted_by_cause(archive: Archive, report: Callable[..., Page]) -> None:
    reasons = [
        ("level: 5 ADU is -90% from the target 50; clouds, for the sky was 90% darker than foreseen",),
        ("level: 100 ADU is +100% from the target 50", "stars: they cover 3.0 % of the frame"),
        ("stars: they cover 2.0 % of the frame",),
    ]
    for number, why in enumerate(reasons):
        take(archive, flat("L"), DUSK + timedelta(minutes=number), *why)
    for number, why_dark in enumerate(["the sensor is +0.6 C off", "the sensor is -1.5 C off"]):
        take(archive, FrameSpec(Kind.DARK, 60.0), DUSK + timedelta(hours=1 + number), why_dark)
    words = report().words["rejected"]
    assert "2 stars 2 the sensor is \u2026 C off 1 level 1 level, by clouds UTC Rig" in words
    assert "stars: they cover 3.0 % of the frame" in words


def test_masters_come_with_a_picture_the_right_way_up(archive: Archive, report: Callable[..., Page]) -> None:
    publish(archive, whole_night(archive)[12:18], "MasterBias.fits", shape=(320, 480))
    page = report()
    (image,) = [attributes for tag, attributes in page.elements if tag == "img"]
    data = base64.b64decode((image["src"] or "").removeprefix("data:image/png;base64,"))
    picture = np.asarray(Image.open(io.BytesIO(data)))
    assert picture.shape == (107, 160)
    assert picture[0].max() == 0
    assert picture[-1].min() == 255
    words = page.words["masters"]
    for told in (
        "bias",
        "frames 6 method clipped average",
        "1000 ADU",
        "1.37 ADU",
        "0.42 %",
        "\u221210.1 \u00b0C",
        "MasterBias.fits",
    ):
        assert told in words, told


def test_a_master_whose_file_is_gone_says_so_instead(archive: Archive, report: Callable[..., Page]) -> None:
    master = publish(archive, whole_night(archive)[12:18], "MasterBias.fits")
    archive.path_of(master).unlink()
    page = report()
    assert "No picture: " in page.words["masters"]
    assert page.count("img") == 0


def test_a_master_of_another_night_is_not_shown(archive: Archive, report: Callable[..., Page]) -> None:
    rows = whole_night(archive)
    later = DUSK + timedelta(days=1)
    frame = Frame(
        noise(1),
        FrameSpec(Kind.BIAS),
        Facts("T1", "Camera of T1", later, 0.0, -30.0),
        Statistics.of(noise(1), 6e4),
    )
    tomorrow = archive.save(frame, None, NIGHT + timedelta(days=1))
    publish(archive, [*rows[12:18], tomorrow], "Tomorrow.fits")
    assert "No master was built" in report().words["masters"]


def test_checks_are_told_in_words_beside_their_master(archive: Archive, report: Callable[..., Page]) -> None:
    publish(archive, whole_night(archive)[12:18], "MasterBias.fits")
    passed = Check("MasterBias.fits", "level", 1000.01234, 1000.0, 0.25, "ADU", ok=True)
    failed = replace(passed, figure="hot pixels found", measured=0.5, expected=1.0, tolerance=0.005, ok=False)
    page = report((passed,))
    assert "1 master was built, verified: 1 figure agrees with the" in page.words["header"]
    assert "level pass measured 1000.01 , expected 1000.00 \u00b1 0.25 ADU" in page.words["masters"]
    page = report((passed, failed))
    assert "Checks failed" in page.words["header"]
    assert "hot pixels found fail measured 0.5000 , expected 1.0000 \u00b1 0.0050" in page.words["masters"]


def test_a_check_that_names_no_master_of_the_night_is_not_lost(
    archive: Archive, report: Callable[..., Page]
) -> None:
    rows = whole_night(archive)
    publish(archive, rows[12:18], "Same.fits")
    other = [take(archive, FrameSpec(Kind.BIAS), DUSK + timedelta(minutes=n), rig="T2") for n in range(2)]
    publish(archive, other, "Same.fits")
    unclear = Check("Same.fits", "which", 1.0, 1.0, 0.1, "", ok=True)
    clear = replace(unclear, master="T2/Same.fits", figure="mine")
    words = report((unclear, clear)).words["masters"]
    assert words.index("mine") < words.index("Checks of other masters") < words.index("which")


def test_alarms_stand_on_top(archive: Archive, report: Callable[..., Page]) -> None:
    whole_night(archive)
    say(archive, DUSK, "roof", "alarm", "the roof did not close in time")
    page = report()
    assert "1 alarm 00:10:00 UTC roof the roof did not close in time" in page.words["summary"]
    assert "1 alarm" in page.words["header"]


def test_a_night_of_nothing_has_a_report(report: Callable[..., Page]) -> None:
    page = report()
    assert "Nothing taken" in page.words["header"]
    assert "No frame was taken." in page.words["header"]
    assert "No flats were taken" in page.words["flats"]
    assert "None, for none was taken." in page.words["rejected"]
    assert len(page.drawings("timeline")) == 2


def test_a_night_without_flats_has_a_report(archive: Archive, report: Callable[..., Page]) -> None:
    take(archive, FrameSpec(Kind.BIAS), DUSK)
    page = report()
    assert "No flats were taken" in page.words["flats"]
    assert "None: every frame of this night counts." in page.words["rejected"]


def test_a_rig_without_filters_a_target_or_the_sun_has_a_report(
    archive: Archive, report: Callable[..., Page]
) -> None:
    take(archive, flat(None, 1.0), DUSK)
    frame = Frame(
        noise(1), flat(None), Facts("T1", "C", DUSK, 2.5, 0.0), Statistics.of(noise(1), 6e4), target_adu=1000
    )
    archive.catalogue.add_frame(
        replace(frame, facts=replace(frame.facts, sun_altitude_deg=float("nan"))),
        run=None,
        night=NIGHT,
        path="raw/x.fits",
        sha256="0",
    )
    page = report()
    assert "no filter" in page.words["flats"]
    assert "1 without a Sun altitude" in page.words["flats"]


@pytest.mark.parametrize("place", [(78.2, 15.6, "Arctic/Longyearbyen"), (-77.8, 166.7, "Antarctica/McMurdo")])
def test_a_polar_night_or_day_has_a_report(
    place: tuple[float, float, str], tmp_path: Path, report: Callable[..., Page]
) -> None:
    site = Site("Far", place[0], place[1], 10, place[2])
    far = Archive(tmp_path / "far", site, SimulatedClock(MORNING + timedelta(days=1)))
    take(far, FrameSpec(Kind.BIAS), MORNING)
    assert len(report(archive=far).drawings("timeline")) == 2
    far.close()


def test_hostile_names_stay_words(archive: Archive, report: Callable[..., Page]) -> None:
    rows = [
        take(
            archive,
            flat(HOSTILE),
            DUSK + timedelta(seconds=30 * n),
            HOSTILE,
            rig=HOSTILE,
            level=1500,
            target=2000,
        )
        for n in range(3)
    ]
    rows += [take(archive, FrameSpec(Kind.BIAS), DUSK + timedelta(minutes=n), rig=HOSTILE) for n in range(3)]
    archive.catalogue.open_run(HOSTILE, HOSTILE, NIGHT, DUSK)
    publish(archive, rows[3:], "MasterBias.fits")
    for kind in ("alarm", "refused", "roof", "safety"):
        say(archive, DUSK, HOSTILE, kind, HOSTILE, state=HOSTILE, safe=HOSTILE)
    page = report((Check(HOSTILE, HOSTILE, 1.0, 1.0, 0.1, HOSTILE, ok=True),))
    assert page.count("script") == 0
    assert "<script" not in page.source
    assert "\x1b" not in page.source
    assert "T<script>alert(1)</script>" in page.words["summary"]
    assert len(page.drawings("timeline")) == len(page.drawings("plot")) == 2


def test_a_report_that_cannot_be_written_leaves_nothing(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match=r"report .*report\.html cannot be written"):
        write_report(archive, NIGHT, tmp_path / "blocked" / "report.html")
    (tmp_path / "folder" / "report.html").mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot be written"):
        write_report(archive, NIGHT, tmp_path / "folder" / "report.html")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["report.html"]


def test_a_newer_report_replaces_an_older_one(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(archive, NIGHT, path)
    take(archive, FrameSpec(Kind.BIAS), DUSK)
    assert write_report(archive, NIGHT, path) == path
    assert "T1 took 1 frame, and it is good" in Page(path).words["header"]
    assert [found.name for found in tmp_path.glob("*report.html*")] == ["report.html"]
