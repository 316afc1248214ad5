"""The guard behind its door: what others may ask, and what becomes of their leases and its faults."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.errors import GuardAway
from capture.guard.client import RoofState
from capture.guard.door import Door
from capture.guard.guard import Guard
from capture.guard.remote import Doorbell, RemoteGuard, guarded_from_afar
from capture.guard.wiring import guarding
from simulators import Fault, Observatory
from tests.capture.guard.bench import UNSAFE, Bench, MakeBench
from tests.wire import Wire
from tests.worker import as_worker


@contextmanager
def behind_a_door(site: Bench, folder: Path) -> Iterator[Guard]:
    """The bench's guard with its door in `folder`. Within a worker."""
    mounts = {rig.name: rig.telescope for rig in site.config.rig if rig.telescope}
    with (
        guarding(site.roof, mounts, site.config.timeouts, site.clock, site.journal, folder) as guard,
        Door(guard, folder, site.journal),
    ):
        yield guard


@contextmanager
def afar(site: Bench, folder: Path) -> Iterator[RemoteGuard]:
    """Guard and client. Within a worker."""
    with behind_a_door(site, folder), guarded_from_afar(folder, site.clock, site.journal) as guard:
        yield guard


def holders(folder: Path) -> tuple[str, ...]:
    with closing(Doorbell(folder)) as bell:
        return bell.ask("report").holders


@as_worker
def test_a_lease_from_afar_opens_the_roof_and_its_end_closes_it(
    bench: MakeBench, clock: SimulatedClock, tmp_path: Path
) -> None:
    site = bench(reopen_after_s=60.0)
    with afar(site, tmp_path) as guard:
        guard.hold("T1", 3600.0)
        clock.sleep(10)
        assert guard.report().opens_at is not None
        assert "opens at" in guard.report().why_not_open()
        clock.sleep(200)
        assert guard.report().open_and_safe
        assert guard.report().holders == ("T1",)
        guard.release("T1")
        clock.sleep(200)
        assert guard.report().dark
        assert guard.report().opens_at is None
        assert site.roof_is_shut


@as_worker
def test_a_lease_that_its_holder_does_not_renew_ends_although_its_process_lives(
    bench: MakeBench, clock: SimulatedClock, tmp_path: Path
) -> None:
    site = bench(reopen_after_s=0.0)
    with afar(site, tmp_path) as guard:
        guard.hold("T1", 300.0)
        clock.sleep(290)
        assert site.roof_is_open
        clock.sleep(200)
        assert site.roof_is_shut


def test_a_lease_ends_soon_after_its_process_has_stopped_to_vouch_for_it(
    bench: MakeBench, clock: SimulatedClock, tmp_path: Path
) -> None:
    site = bench(reopen_after_s=0.0)

    def main() -> float:
        with behind_a_door(site, tmp_path):
            # One whose worker does not run, as in a process that is dead.
            dead = RemoteGuard(tmp_path, clock, site.journal)
            clock.sleep(10)
            dead.hold("T1", 7200.0)
            dead.close()
            held_at = clock.monotonic()
            clock.sleep(200)
            return held_at

    held_at = clock.run(main)
    assert site.when("closeshutter")[0] - held_at < 50


@as_worker
def test_danger_and_motion_reach_those_who_wait_afar_within_a_poll(
    bench: MakeBench, clock: SimulatedClock, tmp_path: Path, wire: Wire
) -> None:
    site = bench(reopen_after_s=0.0)
    with afar(site, tmp_path) as guard:
        guard.hold("T1", 3600.0)
        clock.sleep(200)
        news = clock.signal()
        guard.subscribe(news)
        wire.says[UNSAFE] = False
        assert news.wait(10.0)
        assert not guard.report().open_and_safe
        assert "safety monitor says unsafe" in guard.report().why_not_open()


@as_worker
def test_a_guard_that_is_away_is_unsafe_and_neither_open_nor_dark(
    bench: MakeBench, clock: SimulatedClock, tmp_path: Path
) -> None:
    site = bench()
    with guarded_from_afar(tmp_path, clock, site.journal) as guard:
        with behind_a_door(site, tmp_path):
            clock.sleep(30)
            assert guard.report().dark
        clock.sleep(30)
        assert not guard.report().dark
        assert not guard.report().open_and_safe
        assert "does not answer" in guard.report().why_not_open()
        with behind_a_door(site, tmp_path):
            clock.sleep(30)
            assert guard.report().dark


@as_worker
def test_a_fault_outlives_the_guard_until_somebody_resets_it(
    bench: MakeBench, clock: SimulatedClock, tmp_path: Path, observatory: Observatory
) -> None:
    site = bench(reopen_after_s=60.0, move_deadline_s=100.0)
    observatory.faults.add(Fault("dome/0", "openshutter", "ignore"))
    with afar(site, tmp_path) as guard:
        guard.hold("T1", 3600.0)
        clock.sleep(300)
        assert "did not open" in str(guard.report().fault)
    observatory.faults.clear()
    orders = len(site.commands("openshutter"))
    with afar(site, tmp_path) as guard, closing(Doorbell(tmp_path)) as bell:
        guard.hold("T1", 3600.0)
        clock.sleep(300)
        assert "did not open" in str(guard.report().fault)
        assert len(site.commands("openshutter")) == orders
        bell.ask("reset", who="Ada")
        clock.sleep(30)
        assert guard.report().fault is None
        assert len(site.commands("openshutter")) == orders, "slow to reopen"
        clock.sleep(170)
        assert site.roof_is_open
    assert any("Ada" in text for text in site.said("reset"))
    with behind_a_door(site, tmp_path) as guard:
        assert guard.fault is None


@as_worker
def test_a_disk_that_takes_nothing_does_not_stop_the_guard(
    bench: MakeBench, clock: SimulatedClock, tmp_path: Path, observatory: Observatory
) -> None:
    nowhere = tmp_path / "a file"
    nowhere.write_text("in the folder's place")
    site = bench(reopen_after_s=0.0, move_deadline_s=100.0)
    observatory.faults.add(Fault("dome/0", "openshutter", "ignore"))
    with behind_a_door(site, nowhere / "guard") as guard:
        guard.hold("T1", 3600.0)
        clock.sleep(300)
        assert guard.fault is not None
        assert guard.report().roof is RoofState.SHUT
    assert any("nobody can ask" in text for text in site.said("alarm"))


@as_worker
def test_what_is_kept_of_a_fault_and_cannot_be_read_is_a_fault(
    bench: MakeBench, clock: SimulatedClock, tmp_path: Path
) -> None:
    (tmp_path / "fault").write_bytes(b"\xff\xfe")
    with behind_a_door(bench(), tmp_path) as guard:
        assert guard.fault is not None


class TestTheDoor:
    @pytest.fixture
    def door(self, bench: MakeBench, clock: SimulatedClock, tmp_path: Path) -> Iterator[Path]:
        """The folder of a guard that is never run: only its door is asked."""
        made: list[Guard] = []

        def main() -> None:
            with behind_a_door(bench(), tmp_path) as guard:
                made.append(guard)

        clock.run(main)
        site = bench()
        with Door(made[0], tmp_path, site.journal):
            yield tmp_path

    def said(self, folder: Path, line: bytes) -> bytes:
        port = json.loads((folder / "door").read_text())["port"]
        with socket.create_connection(("127.0.0.1", port), 10) as caller:
            caller.sendall(line)
            return caller.makefile("rb").readline()

    @pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
    def test_is_known_to_its_owner_alone(self, door: Path) -> None:
        assert stat.S_IMODE((door / "door").stat().st_mode) == 0o600

    def test_is_shut_to_whoever_does_not_know_the_token(self, door: Path) -> None:
        for token in ("", "guess", None, 5):
            line = json.dumps({"token": token, "ask": "renew", "leases": {"thief": 600}}).encode() + b"\n"
            assert b"token is wrong" in self.said(door, line)
        assert "thief" not in holders(door)

    @pytest.mark.parametrize(
        "request_",
        [
            {"ask": "open"},
            {"ask": "renew", "leases": {"T1": -5}},
            {"ask": "renew", "leases": {"T1": float("nan")}},
            {"ask": "renew", "leases": {"T1": 1e9}},
            {"ask": "renew", "leases": ["T1"]},
            {"ask": "release"},
            {},
        ],
        ids=str,
    )
    def test_answers_nonsense_with_an_error(self, door: Path, request_: dict[str, object]) -> None:
        token = json.loads((door / "door").read_text())["token"]
        answer = json.loads(self.said(door, json.dumps(request_ | {"token": token}).encode() + b"\n"))
        assert "does not understand" in answer["error"]
        assert "T1" not in holders(door)

    @pytest.mark.parametrize(
        "line", [b"\n", b"[1, 2]\n", b"GET / HTTP/1.1\n", b"\xff\xfe\n", b"[" * 9000 + b"\n"]
    )
    def test_outlives_what_is_no_request(self, door: Path, line: bytes) -> None:
        assert b"error" in self.said(door, line)
        assert holders(door) == ()

    @as_worker
    def test_is_found_again_by_those_who_knew_the_guard_before(
        self, bench: MakeBench, clock: SimulatedClock, tmp_path: Path
    ) -> None:
        written: list[bytes] = []
        for _ in range(2):
            with behind_a_door(bench(), tmp_path):
                written.append((tmp_path / "door").read_bytes())
        assert json.loads(written[0])["token"] == json.loads(written[1])["token"]

    def test_that_nobody_has_made_is_said_in_a_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(GuardAway, match="is `nightcal guard` up"):
            Doorbell(tmp_path).ask("report")
