"""`nightcal delivery` by hand: send, see what waits and why, withdraw."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from capture.clock import SystemClock
from capture.config import load_config
from capture.store.archive import Archive
from capture.store.outbox import Parcel
from tests.capture.cli.command import CONFIG, NOBODY, Nightcal, write_config

PLACES = """
[[delivery]]
to = "ada"
place = "places/ada"

[[delivery]]
to = "public"
place = "places/public"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_config(tmp_path, NOBODY, CONFIG + PLACES)
    (tmp_path / "places/ada").mkdir(parents=True)
    (tmp_path / "places/public").mkdir()
    return tmp_path


def queue(folder: Path, name: str = "m31.fits") -> None:
    archive = Archive.of(load_config(folder / "nightcal.toml"), SystemClock())
    (folder / name).write_bytes(b"light " * 1000)
    sha256 = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    parcel = Parcel(str(folder / name), sha256, f"2026-11-21/T1/raw/{name}")
    archive.catalogue.outbox.queue("ada", [parcel], archive.clock.now())
    archive.close()


def test_what_waits_is_sent_and_the_list_says_so(folder: Path, nightcal: Nightcal) -> None:
    queue(folder)
    sent = nightcal("delivery", "send")
    assert (sent.status, sent.err) == (0, "")
    assert "2026-11-21/T1/raw/m31.fits has reached ada" in sent.out
    assert (folder / "places/ada/2026-11-21/T1/raw/m31.fits").read_bytes() == (
        folder / "m31.fits"
    ).read_bytes()
    listed = json.loads(nightcal("delivery", "list", "--json").out)
    assert listed["waiting"] == []
    assert {"to": "ada", "state": "delivered", "files": 2} in listed["counts"]


def test_what_cannot_be_sent_is_told_with_the_reason_and_may_be_withdrawn(
    folder: Path, nightcal: Nightcal
) -> None:
    queue(folder)
    (folder / "places/ada").rmdir()
    sent = nightcal("delivery", "send")
    assert sent.status == 1
    assert "1 file for ada cannot be delivered" in sent.out
    listed = nightcal("delivery", "list")
    assert "is not there" in " ".join(listed.out.split())
    (row,) = json.loads(nightcal("delivery", "list", "--json").out)["waiting"]
    assert nightcal("delivery", "withdraw", str(row["id"]), "--why", "moved away").status == 0
    assert nightcal("delivery", "send").status == 0
    again = nightcal("delivery", "withdraw", str(row["id"]))
    assert again.status == 2
    assert "`nightcal delivery list` shows those that do" in again.sentence()


def test_a_config_without_a_place_is_told_so(tmp_path: Path, nightcal: Nightcal) -> None:
    write_config(tmp_path, NOBODY, CONFIG)
    ended = nightcal("delivery", "send")
    assert ended.status == 2
    assert ended.sentence() == "the config has no [[delivery]]: nobody has a place to send to"


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('to = "ada"\nplace = "ftp://ada:secret@x/y"', "has a password in it"),
        ('to = "ada"\nplace = "ftp://x/y"\npassword_file = "none"', "the password file"),
        ('to = "ada"\nplace = "a"\n[[delivery]]\nto = "ada"\nplace = "b"', "two [[delivery]] go to ada"),
    ],
)
def test_a_place_that_cannot_be_used_is_refused_with_one_sentence(
    section: str, said: str, tmp_path: Path, nightcal: Nightcal
) -> None:
    write_config(tmp_path, NOBODY, CONFIG + "[[delivery]]\n" + section + "\n")
    ended = nightcal("delivery", "send")
    assert ended.status == 2
    assert said in ended.sentence()
    assert "secret" not in ended.err
