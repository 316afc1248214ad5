"""Accounts and points outlive the database: a file beside it is read at every start."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.errors import BadInput
from capture.store.archive import CATALOGUE, Archive
from capture.store.points import PointKind
from capture.store.points_file import POINTS
from tests.capture.store.frames import SITE, START


def opened(folder: Path, place: str | None = None) -> Archive:
    return Archive(folder, SITE, SimulatedClock(START), place)


def grant(archive: Archive, points: int, minutes: int = 0, request: int | None = None) -> None:
    now = START + timedelta(minutes=minutes)
    archive.catalogue.points.add("ada", PointKind.GRANT, 1000 * points, now, "olga", "paid", request)


def lose_the_database(folder: Path) -> None:
    for file in folder.glob(f"{CATALOGUE}*"):
        file.unlink()


def test_a_lost_database_costs_no_member_a_point(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as archive:
        archive.catalogue.accounts.add("ada", "member", "a hash", START)
        grant(archive, 5)
        grant(archive, -2, 1, request=3)
        archive.catalogue.accounts.change("ada", leave_millipoints=4000)
    assert "a hash" not in (tmp_path / POINTS).read_text()
    lose_the_database(tmp_path)
    with closing(opened(tmp_path)) as again:
        again.reconcile()
        account = again.catalogue.accounts.get("ada")
        assert account is not None
        assert (account.role, account.leave_millipoints, account.has_password) == ("member", 4000, False)
        lines = [
            (one.millipoints, one.time, one.request, one.why) for one in again.catalogue.points.lines("ada")
        ]
        assert lines == [
            (5000, START, None, "paid"),
            (-2000, START + timedelta(minutes=1), None, "paid (request 3)"),
        ]
        assert "1 accounts and 2 lines of points are made again" in again.catalogue.entries()[0].text
        grant(again, 1, 2)
        again.reconcile()
        assert again.catalogue.points.balance_millipoints("ada") == 4000, "nothing is given twice"
    lose_the_database(tmp_path)
    with closing(opened(tmp_path)) as once_more:
        once_more.reconcile()
        assert once_more.catalogue.points.balance_millipoints("ada") == 4000


def test_what_a_full_disk_left_out_follows(archive: Archive) -> None:
    file = archive.root / POINTS
    file.mkdir()
    archive.catalogue.accounts.add("ada", "member", None, START)
    grant(archive, 5)
    file.rmdir()
    grant(archive, 6, 1)
    told = [json.loads(line) for line in file.read_text().splitlines()]
    assert [one["account"]["name"] for one in told if "account" in one] == ["ada"]
    assert [one["point"]["millipoints"] for one in told if "point" in one] == [5000, 6000]


def test_nothing_is_kept_of_a_point_that_the_database_refused(archive: Archive) -> None:
    archive.catalogue.accounts.add("ada", "member", None, START)
    with pytest.raises(BadInput):
        grant(archive, -1)
    assert '"point"' not in (archive.root / POINTS).read_text()
