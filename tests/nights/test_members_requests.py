"""Members' requests in whole simulated nights: taken, settled, delivered."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.config import parse_config
from capture.errors import BadInput
from capture.journal import Journal
from capture.members.accounts import create
from capture.members.asking import Ask, send
from capture.members.ledger import grant
from capture.members.roles import Actor, Role
from capture.night.farm import Farm, open_farm
from capture.night.scheduler import serve_nights
from capture.store.archive import Archive
from capture.store.fits_file import inspect
from capture.store.outbox import DeliveryState
from capture.store.requests import RequestState
from simulators import Fault, Observatory, serve
from tests.nights.harness import AFTERNOON, CONFIG, SITE, live, settings
from tests.nights.test_a_disturbed_night import DUSK
from tests.nights.test_a_rig_that_fails import new_connections, only_darks

ADMIN = Actor("root", Role.ADMIN)
ADA, BEN = Actor("ada", Role.MEMBER), Actor("ben", Role.MEMBER)
PLACE = """
[[delivery]]
to = "ada"
place = "at-ada"
"""


def test_a_members_darks_are_taken_in_turn_settled_and_delivered(tmp_path: Path) -> None:
    clock = SimulatedClock(AFTERNOON)
    change = lambda text: text.replace('camera = "', 'points_per_hour = 60.0\ncamera = "') + PLACE  # noqa: E731
    config = parse_config(change(CONFIG.format(server="127.0.0.1:1")), tmp_path / "nightcal.toml")
    archive = Archive.of(config, clock)
    for actor in (ADA, BEN):
        create(archive.catalogue.accounts, str(actor), actor.role, clock.now())
    first = send(config, archive, ADA, Ask("T1", "dark", 90.0, 25, master=True))
    second = send(config, archive, BEN, Ask("T1", "dark", 0.0, 5))
    archive.close()

    night = live(tmp_path, settings(), change=change)

    assert not night.result.failures
    archive = Archive(config.storage.folder, SITE, clock)
    try:
        catalogue = archive.catalogue
        done = catalogue.requests.get(first.id), catalogue.requests.get(second.id)
        assert [(row.state, row.good) for row in done if row] == [
            (RequestState.DONE, 25), (RequestState.DONE, 5)
        ]  # fmt: skip
        frames = catalogue.requests.frames(first.id)
        assert {str(frame.spec) for frame in frames} == {"dark 90 s"}
        assert {inspect(archive.path_of(one)).header["REQUEST"] for one in frames} == {first.id}
        # Round-robin: ben's bias come before the rest of ada's, whose turn was over after half an hour.
        bias = catalogue.requests.frames(second.id)[0]
        assert sum(frame.taken < bias.taken for frame in frames) in range(10, 24)
        # What was taken for a request counts for the library too.
        assert len([one for one in night.frames if one.rig == "T1" and one.kind == "bias" and one.good]) == 6
        # The roof was shut: free, yet each frame is settled, once.
        lines = catalogue.points.lines("ada")
        assert [line.millipoints for line in lines] == [0] * 25
        assert len({line.frame for line in lines}) == 25
        ours = [one for one in catalogue.outbox.waiting("ada") if one.path is not None]
        assert len(ours) == 26
        assert {one.state for one in ours} == {DeliveryState.WAITING}
        assert [one.event for one in catalogue.notices.of("ada")] == ["request_ready"]
    finally:
        archive.close()


def test_under_an_open_roof_only_a_light_tight_camera_takes_what_members_ask_for_and_it_costs_points(
    tmp_path: Path,
) -> None:
    clock = SimulatedClock(AFTERNOON)

    def change(text: str) -> str:
        text = text.replace('camera = "', 'points_per_hour = 60.0\ncamera = "')
        return text.replace("darks = { ", "darks = { light_tight = true, ", 1)

    config = parse_config(change(CONFIG.format(server="127.0.0.1:1")), tmp_path / "nightcal.toml")
    archive = Archive.of(config, clock)
    create(archive.catalogue.accounts, "ada", Role.MEMBER, clock.now())
    grant(archive.catalogue, ADMIN, "ada", 5.0, "a gift", clock.now())
    tight = send(config, archive, ADA, Ask("T1", "dark", 90.0, 4))
    other = send(config, archive, ADA, Ask("T2", "dark", 90.0, 4))
    archive.close()
    seen: list[tuple[int, int]] = []

    def observe(farm: Farm, _observatory: Observatory) -> None:
        farm.clock.sleep_until(DUSK)
        for _ in range(10):
            farm.guard.hold("observers", 1200.0)
            farm.clock.sleep(900.0)
        rows = [farm.archive.catalogue.requests.get(one.id) for one in (tight, other)]
        seen.extend((row.good, row.missing) for row in rows if row)
        farm.guard.release("observers")

    night = live(tmp_path, settings(), change=change, meanwhile=observe)

    assert not night.result.failures
    assert seen == [(4, 0), (0, 4)]
    archive = Archive(config.storage.folder, SITE, clock)
    try:
        frames = archive.catalogue.requests.frames(tight.id)
        assert all(frame.good and frame.facts.roof_open for frame in frames)
        costs = {line.frame: line.millipoints for line in archive.catalogue.points.lines("ada") if line.frame}
        # 90 s at 60 points an hour; there are points for three frames, and the fourth is waived in part.
        assert [costs[frame.path] for frame in frames] == [-1500, -1500, -1500, -500]
        free = archive.catalogue.requests.frames(other.id)
        assert [(frame.facts.roof_shut, costs[frame.path]) for frame in free] == [(True, 0)] * 4
        asked = {frame.id for frame in frames}
        own = [one for one in night.frames if one.rig == "T1" and one.kind == "dark" and one.id not in asked]
        assert own
        assert all(one.facts.roof_shut for one in own if one.good)
    finally:
        archive.close()


def test_what_the_camera_cannot_do_is_refused_with_its_reason_and_costs_nobody_their_frames(
    tmp_path: Path,
) -> None:
    clock = SimulatedClock(AFTERNOON)
    change = lambda text: only_darks(text).replace('camera = "', 'gain = 0\ncamera = "', 1)  # noqa: E731
    config = parse_config(change(CONFIG.format(server="127.0.0.1:1")), tmp_path / "nightcal.toml")
    archive = Archive.of(config, clock)
    for actor in (ADA, BEN):
        create(archive.catalogue.accounts, str(actor), actor.role, clock.now())
    binned = send(config, archive, ADA, Ask("T1", "bias", 0.0, 2, binning=8))
    amplified = send(config, archive, ADA, Ask("T1", "dark", 60.0, 2, gain=500))
    usual = send(config, archive, BEN, Ask("T1", "dark", 90.0, 2))
    archive.close()

    def prepare(observatory: Observatory) -> None:
        # A driver that promises more than it takes; by its word the request is possible.
        observatory.faults.add(Fault("camera/0", "gainmax", "stuck", value=1000))

    night = live(tmp_path, settings(), change=change, prepare=prepare)

    assert not night.result.failures
    assert new_connections(night) == 0
    archive = Archive(config.storage.folder, SITE, clock)
    try:
        catalogue = archive.catalogue
        first, second, third = (catalogue.requests.get(one.id) for one in (binned, amplified, usual))
        assert first is not None
        assert second is not None
        assert third is not None
        assert (first.state, first.why) == (RequestState.REFUSED, "binning 8: the camera bins up to 4")
        assert second.state is RequestState.REFUSED
        assert "500" in second.why
        assert (third.state, third.good) == (RequestState.DONE, 2)
        told = {one.title: one.body for one in catalogue.notices.of("ada")}
        assert told.keys() == {f"Your request {one.id} is refused" for one in (first, second)}
        assert told[f"Your request {first.id} is refused"].endswith(first.why)
        own = [one for one in night.frames if one.rig == "T1" and one.good and str(one.spec) != "dark 90 s"]
        assert len(own) == 10
        # From now on it is said before the night.
        with pytest.raises(BadInput, match="the camera bins up to 4"):
            send(config, archive, ADA, Ask("T1", "bias", 0.0, 2, binning=8))
    finally:
        archive.close()


@pytest.mark.parametrize("flats", [0, 1], ids=["nothing more to do", "waiting for dawn"])
def test_what_a_member_asks_for_in_the_middle_of_a_night_is_taken_in_the_same_night(
    tmp_path: Path, flats: int
) -> None:
    clock = SimulatedClock(AFTERNOON, horizon=timedelta(days=2))
    asked_at = AFTERNOON + timedelta(hours=4)
    no_needs = f'flats = {{ count = {flats}, filters = ["L"] }}\nbias.count = 0\ndarks.count = 0'
    one_rig = CONFIG.split('[[rig]]\nname = "T2"')[0]

    def service() -> list[datetime]:
        journal = Journal(clock)
        with open_farm(config, clock, journal) as farm:

            def ask() -> None:
                clock.sleep((asked_at - clock.now()).total_seconds())
                send(config, farm.archive, ADA, Ask("T1", "dark", 0.0, 3))

            create(farm.archive.catalogue.accounts, "ada", Role.MEMBER, clock.now())
            worker = clock.spawn(ask, "a member", 90)
            serve_nights(farm, journal, until=asked_at + timedelta(hours=2))
            worker.join()
            (row,) = farm.archive.catalogue.requests.all()
            assert (row.state, row.good) == (RequestState.DONE, 3)
            return [frame.taken for frame in farm.archive.catalogue.requests.frames(row.id)]

    with serve(Observatory(clock, settings())) as server:
        text = re.sub(r"flats = (.|\n)*", no_needs, one_rig.format(server=server.address))
        config = parse_config(text, tmp_path / "nightcal.toml")
        taken = clock.run(service)
    assert all(asked_at < one < asked_at + timedelta(hours=2) for one in taken)
