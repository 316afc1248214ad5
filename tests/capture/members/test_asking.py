"""Asking: what cannot be asked for is said in one sentence; what there is already is told first; quotas."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from capture.errors import BadInput, NotAllowed
from capture.frame import CameraLimits, Facts, Frame, Statistics, Verdict
from capture.members.asking import Ask, checked_spec, quote
from capture.members.queue import cancel
from capture.members.roles import VISITOR, Actor, Role, Scope
from capture.store.catalogue import NewFrame
from tests.capture.members.conftest import ADA, BEN, Desk

DARK = Ask("T1", "dark", 60.0, 10)
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (replace(DARK, count=10_000), "10000 frames: ask for 1 to 100"),
        (replace(DARK, count=0), "0 frames: ask for 1 to 100"),
        (replace(DARK, count=-5), "-5 frames: ask for 1 to 100"),
        (replace(DARK, count=True), "True frames"),
        (replace(DARK, count=2.5), "2.5 frames"),  # type: ignore[arg-type]
        (replace(DARK, exposure_s=1e9), r"1e\+09 s is above the 1800 s allowed"),
        (replace(DARK, exposure_s=-1.0), "-1.0 s: give a number of seconds, 0 for a bias"),
        (replace(DARK, exposure_s=NAN), "nan s: give a number of seconds"),
        (replace(DARK, exposure_s=INF), "inf s: give a number of seconds"),
        (replace(DARK, kind="bias"), "a bias has an exposure of 0 s, not 60 s; ask for a dark"),
        (replace(DARK, kind="light"), "'light' cannot be asked for; ask for bias or dark"),
        (replace(DARK, rig="T9"), "there is no rig 'T9' in the config; it has T1, T2, T3"),
        (replace(DARK, binning=0), "a binning of 0: it is from 1 to 8"),
        (replace(DARK, binning=9), "a binning of 9"),
        (replace(DARK, binning=True), "a binning of True"),
        (replace(DARK, gain=-1), "a gain of -1: give a whole number from 0"),
        (replace(DARK, gain=1.5), "a gain of 1.5"),  # type: ignore[arg-type]
        (replace(DARK, rig="T2", gain=10), "T2 leaves the gain to its camera; leave it out"),
        (replace(DARK, temperature_c=-90.0), "-90.0 C: give a temperature from -40 to 20 C"),
        (replace(DARK, temperature_c=NAN), "nan C: give a temperature"),
        (replace(DARK, rig="T3", temperature_c=-10.0), "T3 is not cooled; leave the temperature out"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_asked_for_is_said_in_one_sentence_and_not_queued(
    desk: Desk, ask: Ask, told: str
) -> None:
    with pytest.raises(BadInput, match=told):
        desk.send(ADA, ask)
    assert desk.archive.catalogue.requests.all() == []


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (replace(DARK, exposure_s=900.0), "900 s: the camera takes 0.5 to 600 s"),
        (replace(DARK, exposure_s=0.1), "0.1 s: the camera takes 0.5 to 600 s"),
        (replace(DARK, binning=4), "binning 4: the camera bins up to 2"),
        (replace(DARK, gain=301), "gain 301: the camera takes 0 to 300"),
        (replace(DARK, rig="T2", exposure_s=900.0), ""),
        (replace(DARK, exposure_s=600.0, binning=2, gain=300), ""),
        (replace(DARK, exposure_s=0.0), ""),
    ],
    ids=str,
)
def test_what_the_rigs_camera_cannot_do_is_said_as_soon_as_it_is_known(
    desk: Desk, ask: Ask, told: str
) -> None:
    assert checked_spec(desk.config, desk.archive, ask).binning == (ask.binning or 1)
    limits = CameraLimits(0.5, 600.0, 2, (0, 300))
    desk.archive.catalogue.cameras.keep("T1", limits, (), desk.archive.clock.now())
    with pytest.raises(BadInput, match=told) if told else nullcontext():
        checked_spec(desk.config, desk.archive, ask)


def test_flats_are_refused_with_the_reason_and_where_to_turn(desk: Desk) -> None:
    with pytest.raises(NotAllowed, match=r"flats are the operators'.*an operator can order more"):
        desk.send(ADA, replace(DARK, kind="flat"))


@pytest.mark.parametrize("actor", [VISITOR, Actor("ada", Role.MEMBER, frozenset({Scope.LIBRARY}))], ids=str)
def test_who_may_not_ask_is_quoted_nothing(desk: Desk, actor: Actor) -> None:
    for ask in (lambda: quote(desk.config, desk.archive, actor, DARK), lambda: desk.send(actor, DARK)):
        with pytest.raises(NotAllowed):
            ask()


def test_what_is_left_out_is_the_rigs_and_no_exposure_is_a_bias(desk: Desk) -> None:
    spec = checked_spec(desk.config, desk.archive, DARK)
    assert (spec.gain, spec.binning, spec.set_temperature_c) == (0, 1, -10.0)
    assert checked_spec(desk.config, desk.archive, replace(DARK, exposure_s=0.0)).kind == "bias"
    other = checked_spec(desk.config, desk.archive, replace(DARK, gain=7, binning=2, temperature_c=-5.0))
    assert (other.gain, other.binning, other.set_temperature_c) == (7, 2, -5.0)


def test_a_quote_offers_first_what_the_library_holds_of_such_frames(desk: Desk) -> None:
    catalogue, now = desk.archive.catalogue, desk.archive.clock.now()
    assert not quote(desk.config, desk.archive, ADA, DARK).held
    spec = checked_spec(desk.config, desk.archive, DARK)
    for number in range(3):
        facts = Facts("T1", "camera", now - timedelta(days=2, seconds=number), 60.0, -30.0)
        pixels = np.zeros((10, 20), np.uint16)
        frame = Frame(pixels, spec, facts, Statistics(1, 1, 1, 1, 0), Verdict(("bad",) if number else ()))
        night = desk.archive.site.night_of(facts.started)
        catalogue.add_frames([NewFrame(frame, None, night, f"{number}.fits", f"{number:064}")])
    told = quote(desk.config, desk.archive, ADA, DARK)
    assert told.held
    # The rejected ones are no offer.
    assert told.held.good_frames == 1
    assert told.held.newest_frame_days == pytest.approx(2.0, abs=0.1)
    assert not quote(desk.config, desk.archive, ADA, replace(DARK, exposure_s=61.0)).held
    assert told.size_bytes == 10 * (10 * 20 * 2 + 8640)
    assert told.hours == pytest.approx(10 * 60 / 3600, rel=0.5)


def test_each_quota_says_what_is_left_and_a_cancelled_request_gives_its_part_back(desk: Desk) -> None:
    first = desk.send(ADA, replace(DARK, count=100))
    desk.send(ADA, replace(DARK, count=60))
    with pytest.raises(BadInput, match="asks for 50 frames, and of this month's 200 there are 40 left"):
        desk.send(ADA, replace(DARK, count=50))
    with pytest.raises(BadInput, match=r"asks for 10.0 hours .* this month's 10.0 there are 7.3 left"):
        desk.send(ADA, replace(DARK, count=20, exposure_s=1800.0))
    # Another's quota is another's.
    desk.send(BEN, replace(DARK, count=50))
    cancel(desk.archive.catalogue, ADA, first.id, "", desk.archive.clock.now())
    desk.send(ADA, replace(DARK, count=50))


def test_so_many_requests_are_open_at_a_time(desk: Desk) -> None:
    rows = [desk.send(ADA, replace(DARK, count=1)) for _ in range(4)]
    with pytest.raises(BadInput, match="4 requests of yours are open"):
        desk.send(ADA, replace(DARK, count=1))
    cancel(desk.archive.catalogue, ADA, rows[0].id, "", desk.archive.clock.now())
    desk.send(ADA, replace(DARK, count=1))


def test_a_quota_begins_anew_with_the_month_at_the_site(desk: Desk) -> None:
    now = desk.archive.clock.now()
    spec = checked_spec(desk.config, desk.archive, DARK)
    # In Denver the first of November begins at 6 h UTC.
    for made in (datetime(2026, 11, 1, 5, 59, tzinfo=UTC), datetime(2026, 11, 1, 6, 0, tzinfo=UTC)):
        desk.archive.catalogue.requests.add("ada", "T1", spec, 100, made)
    assert now.month == 11
    assert quote(desk.config, desk.archive, ADA, DARK).used.frames == 100
