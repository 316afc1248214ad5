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
