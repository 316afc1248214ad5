"""Lights of other programs are calibrated as they come, and reach their owners raw and calibrated."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.config import Config, CoolingConfig
from capture.errors import BadInput
from capture.frame import Kind
from capture.journal import Entry, Journal
from capture.library.light import read_light
from capture.library.lights import Belonging, LightsFolder, belonging, lights_watched
from capture.night.needs import needs_by_use
from capture.store import fits_file
from capture.store.archive import Archive
from capture.store.lights import LightRow, LightState
from tests.capture.library.lights import configured, dark_of, fill, write_light
from tests.capture.store.frames import SITE, START

LIGHTS = """
[lights]
folder = "lights"
[[delivery]]
to = "jdoe"
place = "sent"
"""


class Watched:
    """A folder of lights, looked at now and then."""

    def __init__(self, folder: Path, kinds: str, more: str = LIGHTS) -> None:
        self.config: Config = configured(folder, more)
        self.clock = SimulatedClock(START + timedelta(hours=12))
        self.archive = Archive(self.config.storage.folder, SITE, self.clock)
        self.said: list[Entry] = []
        self.journal = Journal(self.clock)
        self.journal.listen(self.said.append)
        self.folder = folder / "lights"
        if kinds:
            fill(self.archive, kinds=kinds)
        self.begin()

    def begin(self) -> None:
        """As after a restart."""
        self.lights = LightsFolder(self.config, self.archive, self.journal)

    def look(self, *after_s: float) -> int:
        """Look after so many seconds each; return how many were calibrated."""

        def main() -> int:
            done = 0
            for wait_s in after_s:
                self.clock.sleep(wait_s)
                done += self.lights.round()
            return done

        return self.clock.run(main)

    def rows(self) -> list[LightRow]:
        return self.archive.catalogue.lights.all()

    def uses(self, sha256: str) -> bool:
        return self.archive.catalogue.lights.made_with(sha256) > 0

    def queued(self) -> list[str]:
        return [row.name for row in self.archive.catalogue.outbox.waiting("jdoe") if row.path is not None]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path, "bias dark flat")
    yield watched
    watched.archive.close()


def test_a_finished_light_is_calibrated_and_both_files_go_to_its_owner(watched: Watched) -> None:
    raw = write_light(watched.folder / "jdoe" / "2026-11-21" / "T1" / "m42.fits")
    before = raw.read_bytes()
    assert watched.look(0, 9) == 0
    assert watched.look(1) == 1
    assert watched.look(5, 60) == 0
    (row,) = watched.rows()
    assert (row.state, row.light.owner, row.light.rig) == (LightState.CALIBRATED, "jdoe", "T1")
    assert row.calibrated == "calibrated/jdoe/2026-11-21/T1/m42_cal.fits"
    assert (
        fits_file.structure((watched.archive.root / row.calibrated).read_bytes()[:28800])["CALSTAT"] == "BDF"
    )
    assert watched.queued() == ["2026-11-21/T1/raw/m42.fits", "2026-11-21/T1/calibrated/m42_cal.fits"]
    assert raw.read_bytes() == before


def test_a_light_that_is_still_written_is_waited_for(watched: Watched) -> None:
    whole = write_light(watched.folder / "aside.txt").read_bytes()
    path = watched.folder / "growing.fits"
    for part in (2000, 4000, 8000):
        path.write_bytes(whole[:part])
        assert watched.look(0, 11) == 0  # steady, and not whole
    path.write_bytes(whole)
    assert watched.look(0, 9) == 0
    assert watched.look(2) == 1


@pytest.mark.parametrize(
    ("folders", "observer", "template", "expected"),
    [
        ("jdoe/2026-11-20/T2", "x", "{owner}/{night}/{rig}", Belonging("jdoe", date(2026, 11, 20), "T2")),
        ("T2/jdoe", "x", "{rig}/{owner}", Belonging("jdoe", None, "T2")),
        ("all/jdoe", "x", "all/{owner}", Belonging("jdoe", None, "")),
        ("others/jdoe", "ann", "all/{owner}", Belonging("ann", None, "")),
        ("jdoe/yesterday", "", "{owner}/{night}", Belonging("jdoe", None, "")),
        (".", "ann", "{owner}/{night}/{rig}", Belonging("ann", None, "")),
        (".", "", "{owner}/{night}/{rig}", Belonging("operators", None, "")),
    ],
)
def test_a_light_is_its_folder_s_then_its_observer_s_else_the_operators(
    watched: Watched, folders: str, observer: str, template: str, expected: Belonging
) -> None:
    path = write_light(watched.folder / folders / "x.fits", OBSERVER=observer)
    assert watched.config.lights is not None
    lights = watched.config.lights.model_copy(update={"template": template})
    assert belonging(path, read_light(path), lights) == expected


def test_what_lacks_a_master_goes_raw_with_the_reason_and_is_calibrated_when_it_comes(tmp_path: Path) -> None:
    watched = Watched(tmp_path, "bias dark")
    write_light(watched.folder / "jdoe" / "x.fits")
    assert watched.look(0, 10, 10) == 0
    (row,) = watched.rows()
    assert (row.state, row.reason) == (LightState.WAITING, "no flat Ha: there is no master flat of T1")
    assert watched.queued() == ["2026-11-21/T1/raw/x.fits"]
    watched.begin()
    assert watched.look(5) == 0
    fill(watched.archive, kinds="flat")
    assert watched.look(5, 5) == 1
    assert watched.rows()[0].state is LightState.CALIBRATED
    assert watched.queued() == ["2026-11-21/T1/raw/x.fits", "2026-11-21/T1/calibrated/x_cal.fits"]
    assert len([entry for entry in watched.said if entry.source == "lights"]) == 2
    watched.archive.close()


def test_a_light_waits_no_longer_than_the_policy_says(tmp_path: Path) -> None:
    watched = Watched(tmp_path, "bias dark", LIGHTS.replace('"lights"\n', '"lights"\nwait_days = 2\n', 1))
    write_light(watched.folder / "x.fits")
    watched.look(0, 10, 86400)
    assert watched.rows()[0].state is LightState.WAITING
    watched.look(86400)
    assert watched.rows()[0].state is LightState.RAW
    assert "stays raw" in watched.said[-1].text
    watched.archive.close()


def test_a_restart_takes_nothing_twice_and_adopts_what_was_written_before_a_kill(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_light(watched.folder / "x.fits", OBSERVER="jdoe")

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(watched.archive.catalogue.lights, "settle", kill)
        with pytest.raises(Killed):
            watched.look(0, 10)
    (row,) = watched.rows()
    assert row.state is LightState.WAITING
    file = watched.archive.root / "calibrated/jdoe/2026-11-21/T1/x_cal.fits"
    made = file.read_bytes()
    watched.clock = watched.archive.clock = SimulatedClock(START + timedelta(hours=13))
    watched.begin()
    assert watched.look(0, 10, 10) == 1
    (row,) = watched.rows()
    assert (row.state, row.calibrated) == (
        LightState.CALIBRATED,
        file.relative_to(watched.archive.root).as_posix(),
    )
    assert file.read_bytes() == made
    assert len(watched.queued()) == 2


def test_two_lights_of_one_name_do_not_share_a_file(watched: Watched) -> None:
    for folder in ("a", "b"):
        write_light(watched.folder / "jdoe" / "2026-11-21" / "T1" / folder / "x.fits")
    assert watched.look(0, 10) == 2
    names = [Path(row.calibrated or "").name for row in watched.rows()]
    assert sorted(names) == ["x_cal.fits", "x_cal_2.fits"]


def test_a_light_that_no_rig_owns_and_what_is_no_light_are_told_once(watched: Watched) -> None:
    write_light(watched.folder / "dark.fits", IMAGETYP="Dark Frame")
    (watched.folder / "note.txt").write_text("hello")
    watched.look(0, 10, 10, 10)
    assert [entry.text for entry in watched.said if "left alone" in entry.text] == [
        f"dark.fits is left alone: {watched.folder / 'dark.fits'} is no light: its header says 'dark frame'"
    ]


def test_a_damaged_master_is_an_alarm_and_is_tried_again_later(watched: Watched) -> None:
    (row,) = [row for row in watched.archive.catalogue.masters() if row.spec.kind.value == "flat"]
    file = watched.archive.path_of(row)
    sound = file.read_bytes()
    file.write_bytes(sound[:-4000] + bytes([sound[-4000] ^ 1]) + sound[-3999:])
    write_light(watched.folder / "x.fits")
    assert watched.look(0, 10, 10, 10) == 0
    assert [entry.kind for entry in watched.said if entry.source == "lights"] == ["alarm"]
    file.write_bytes(sound)
    assert watched.look(60) == 0
    assert watched.look(600) == 1


def test_the_worker_ends_when_it_is_told_to(watched: Watched) -> None:
    write_light(watched.folder / "x.fits")

    def main() -> None:
        with lights_watched(watched.config, watched.archive, watched.journal):
            watched.clock.sleep(30)

    watched.clock.run(main)
    assert watched.rows()[0].state is LightState.CALIBRATED


def test_a_config_without_a_folder_of_lights_watches_none(tmp_path: Path) -> None:
    watched = Watched(tmp_path, "")
    config = watched.config.model_copy(update={"lights": None})
    with lights_watched(config, watched.archive, watched.journal):
        pass
    assert watched.said == []
    watched.archive.close()


def test_darks_are_needed_that_match_the_lights_that_came_in(watched: Watched) -> None:
    write_light(watched.folder / "x.fits", EXPTIME=90.0, GAIN=None, SET_TEMP=-10.0)
    watched.look(0, 10)
    (rig,) = watched.config.rig
    rig = rig.model_copy(update={"cooling": CoolingConfig(set_temperature_c=-10.0)})
    needs = needs_by_use(rig, watched.archive.catalogue, [], watched.clock.now())
    assert dark_of(90.0).set_key() in [need.spec for need in needs]


@pytest.mark.parametrize("template", ["{owner}/{nite}", "../{owner}", "{owner}//{rig}"])
def test_a_template_of_unknown_parts_is_refused(tmp_path: Path, template: str) -> None:
    with pytest.raises(BadInput, match=r"\[lights\] template: .* is no part of a folder's name"):
        configured(tmp_path, f'[lights]\nfolder = "lights"\ntemplate = "{template}"\n')


class TestALightWhoseMasterIsWithdrawn:
    @pytest.fixture
    def spoilt(self, watched: Watched) -> Watched:
        write_light(watched.folder / "jdoe" / "2026-11-21" / "T1" / "m42.fits")
        assert watched.look(0, 11) == 1
        catalogue = watched.archive.catalogue
        (dark,) = (
            row for row in catalogue.masters() if row.spec.kind is Kind.DARK and watched.uses(row.sha256)
        )
        catalogue.withdrawals.withdraw(dark.id, watched.clock.now(), "ann", "a lamp was on")
        return watched

    def test_is_told_to_its_owner_once_and_calibrated_anew_when_another_comes(self, spoilt: Watched) -> None:
        assert spoilt.look(5, 5, 60) == 0
        (row,) = spoilt.rows()
        assert row.state is LightState.WAITING
        assert row.calibrated == "calibrated/jdoe/2026-11-21/T1/m42_cal.fits", "what there is, stays"
        (said,) = (entry.text for entry in spoilt.said if entry.kind == "withdrawn")
        assert said.startswith("1 lights of jdoe were calibrated with MasterDark")
        (notice,) = (name for name in spoilt.queued() if name.startswith("notices/"))
        text = (spoilt.archive.root / "notices" / "jdoe" / notice.partition("/")[2]).read_text()
        assert "m42_cal.fits" in text
        assert "a lamp was on" in text
        spoilt.begin()
        assert spoilt.look(20 * 86400) == 0, "it waits for as long as it takes"
        assert len(spoilt.queued()) == 3
        fill(spoilt.archive, kinds="dark")
        assert spoilt.look(5) == 1
        (row,) = spoilt.rows()
        assert (row.state, row.reason) == (LightState.CALIBRATED, "")
        assert row.calibrated == "calibrated/jdoe/2026-11-21/T1/m42_cal_2.fits"
        assert spoilt.queued()[-1] == "2026-11-21/T1/calibrated/m42_cal_2.fits"

    def test_stays_as_it_is_where_the_policy_says_so(self, spoilt: Watched) -> None:
        policy = spoilt.config.calibration.model_copy(update={"anew": False})
        spoilt.config = spoilt.config.model_copy(update={"calibration": policy})
        spoilt.begin()
        assert spoilt.look(5, 5) == 0
        (row,) = spoilt.rows()
        assert row.state is LightState.CALIBRATED
        assert "was withdrawn: a lamp was on" in row.reason
        assert [entry.kind for entry in spoilt.said].count("withdrawn") == 1
