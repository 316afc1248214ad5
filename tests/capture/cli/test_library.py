"""`nightcal library`: rebuilt, verified and filled by the command, with exit statuses that mean something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from capture.clock import SystemClock
from capture.config import load_config
from capture.store.archive import CATALOGUE, Archive
from tests.capture.cli.command import CONFIG, SECOND_RIG, Nightcal, write_config
from tests.capture.library.programs import NINA, write
from tests.capture.store.frames import DARK, NIGHT, make_frame


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of an archive with two frames."""
    config = load_config(write_config(tmp_path, text=CONFIG))
    archive = Archive.of(config, SystemClock())
    for minute in range(2):
        archive.save(make_frame(DARK, minutes=minute), None, NIGHT)
    archive.close()
    return archive.root


def test_rebuild_makes_a_damaged_catalogue_again_and_says_where_the_old_one_is(
    nightcal: Nightcal, root: Path
) -> None:
    (root / CATALOGUE).write_bytes(b"this is a diary, not a database" * 100)
    assert "run `nightcal library rebuild`" in nightcal("library", "verify").err
    ended = nightcal("library", "rebuild")
    assert ended.status == 0
    assert f"is kept in {root / CATALOGUE}.damaged-1" in ended.out
    assert "2 frames and 0 masters were taken in; the catalogue knows 1 sets" in ended.out
    assert nightcal("library", "verify").status == 0


def test_verify_ends_with_1_and_names_what_is_wrong(nightcal: Nightcal, root: Path) -> None:
    assert nightcal("library", "verify").out.endswith("GB: all of them sound\n")
    file = next(root.rglob("*0002.fits"))
    file.write_bytes(file.read_bytes()[:-1])
    ended = nightcal("library", "verify")
    assert ended.status == 1
    assert ended.sentence().startswith(f"{file} is cut off")
    assert json.loads(nightcal("library", "verify", "--json").out)["files"] == 2


def test_import_lists_each_file_and_ends_with_1_when_some_are_refused(nightcal: Nightcal, root: Path) -> None:
    theirs = root.parent / "theirs"
    write(theirs / "a.fits", NINA, make_frame().pixels)
    assert nightcal("library", "import", str(theirs), "--dry-run").out.endswith(
        "a.fits  dark 300 s  would be taken in\n1 would be taken in, 0 there already, 0 refused\n"
    )
    assert nightcal("library", "import", str(theirs)).status == 0
    (theirs / "b.fits").touch()
    ended = nightcal("library", "import", str(theirs))
    assert ended.status == 1
    assert "b.fits  refused: it is empty\n0 taken in, 1 there already, 1 refused" in ended.out


def test_import_into_one_of_several_rigs_wants_its_name(nightcal: Nightcal, tmp_path: Path) -> None:
    write_config(tmp_path, text=CONFIG + SECOND_RIG)
    write(tmp_path / "theirs" / "a.fits", NINA)
    ended = nightcal("library", "import", str(tmp_path / "theirs"))
    assert (ended.status, ended.sentence()) == (2, "--rig wants one of T1, T2")
    assert nightcal("library", "import", str(tmp_path / "theirs"), "--rig", "T2").status == 0


def test_the_log_tells_who_changed_what_and_why(nightcal: Nightcal, root: Path) -> None:
    assert nightcal("library", "log").out == "nothing was ever changed\n"
    nightcal("event", "T1", "optics_cleaned", "--note", "a spider")
    (told,) = json.loads(nightcal("library", "log", "--json").out)
    assert (told["rig"], told["what"], told["why"]) == ("T1", "event", "a spider")
    assert told["who"]
    assert "a spider" in nightcal("library", "log", "--rig", "T1").out
    assert json.loads(nightcal("library", "log", "--rig", "T2", "--json").out) == []


def test_a_master_is_withdrawn_by_its_name_with_a_reason(nightcal: Nightcal, root: Path) -> None:
    archive = Archive.of(load_config(root.parent / "nightcal.toml"), SystemClock())
    archive.catalogue.add_master(
        rig="T1", spec=DARK, path="masters/T1/MasterDark.fits", sha256="0" * 64, method="clip",
        built=archive.clock.now(), inputs=archive.catalogue.frames(), figures={},
    )  # fmt: skip
    archive.close()
    assert "must name one master" in nightcal("library", "withdraw", "Mars.fits", "--why", "x").sentence()
    assert "wants a reason" in nightcal("library", "withdraw", "MasterDark.fits", "--why", " ").sentence()
    ended = nightcal("library", "withdraw", "MasterDark.fits", "--why", "a lamp was on")
    assert ended.status == 0
    assert "masters/T1/MasterDark.fits is withdrawn; 0 lights" in ended.out
    shown = " ".join(nightcal("library").out.split())
    assert "a lamp was on" in shown


def test_who_is_told_of_frames_set_aside_is_told_by_the_service_when_it_was_the_command(
    nightcal: Nightcal, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = '[notify]\n[[notify.channel]]\nname = "ops"\nurl_env = "LIBRARY_OPS"\n'
    config = load_config(write_config(tmp_path, text=CONFIG + channel))
    aside = ("library", "quarantine", "--rig", "T1", "--kinds", "dark", "--since", "2020-01-01T00:00Z")
    monkeypatch.delenv("LIBRARY_OPS", raising=False)
    assert "nobody is told of it" in nightcal(*aside, "--why", "a lamp").out
    monkeypatch.setenv("LIBRARY_OPS", "json://ops.invalid")
    assert "no good frames (dark)" in nightcal(*aside, "--why", "again").sentence()
    names = [
        one["path"].split("/")[-1] for one in json.loads(nightcal("library", "quarantine", "--json").out)
    ]
    assert nightcal("library", "release", *names, "--why", "it was off").status == 0
    assert "nobody" not in nightcal(*aside, "--why", "another lamp").out
    archive = Archive.of(config, SystemClock())
    (kept,) = archive.catalogue.notices.waiting()
    assert (kept.account, kept.event, "another lamp" in kept.body) == ("@ops", "withdrawn", True)
    archive.close()


def test_frames_are_set_aside_and_given_back_with_reasons(nightcal: Nightcal, root: Path) -> None:
    assert nightcal("library", "quarantine").out == "nothing is set aside\n"
    aside = ("library", "quarantine", "--rig", "T1", "--kinds", "dark", "--since", "2020-01-01T00:00Z")
    assert "say why" in nightcal(*aside).sentence()
    assert "2 frames (dark)" in nightcal(*aside, "--why", "a lamp").out
    told = json.loads(nightcal("library", "quarantine", "--json").out)
    assert [(one["rig"], one["why"]) for one in told] == [("T1", "a lamp")] * 2
    assert "a lamp" in nightcal("library", "quarantine", "--rig", "T1").out
    assert "is no frame" in nightcal("library", "release", "Mars.fits", "--why", "x").sentence()
    assert "wants a reason" in nightcal("library", "release", told[0]["path"], "--why", " ").sentence()
    given = nightcal("library", "release", told[0]["path"].split("/")[-1], "--why", "it was off").out
    assert given == "1 frames count again\n"
    (left,) = json.loads(nightcal("library", "quarantine", "--json").out)
    when = left["time"][:19] + "Z"
    assert nightcal("library", "release", when, "--why", "it was off").status == 0
    assert nightcal("library", "quarantine").out == "nothing is set aside\n"
    assert "it was off" in nightcal("library", "log").out


def test_retain_does_nothing_without_a_policy_or_without_yes(nightcal: Nightcal, root: Path) -> None:
    config = root.parent / "nightcal.toml"
    archive = Archive.of(load_config(config), SystemClock())
    archive.save(make_frame(DARK, minutes=9).judged("a light was on"), None, NIGHT)
    archive.close()
    files = sorted(root.rglob("*.fits"))
    assert nightcal("library", "retain", "--yes").out.startswith("0 files")
    config.write_text(config.read_text() + "\n[retention]\nrejected_days = 0\n")
    assert "would be deleted" in nightcal("library", "retain").out
    assert sorted(root.rglob("*.fits")) == files
    assert nightcal("library", "retain", "--dry-run", "--yes").status == 2
    assert "1 files" in nightcal("library", "retain", "--yes").out
    assert len(list(root.rglob("*.fits"))) == len(files) - 1
    (told,) = json.loads(nightcal("library", "log", "--json").out)
    assert told["what"] == "deletion"
    assert nightcal("library", "verify").status == 0
