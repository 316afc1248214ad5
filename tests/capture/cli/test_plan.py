"""`nightcal plan` shows tonight and the coming nights without any device, and takes an order for one."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from capture.clock import SystemClock
from capture.config import load_config
from capture.store.archive import Archive
from simulators import Server
from tests.capture.cli.command import CONFIG, SECOND_RIG, Nightcal, site_at, write_config
from tests.capture.night.twilights import add_bias, add_twilight

FILTERS = 'flats = { filters = ["L", "R", "Ha"] }\n'


def planned(nightcal: Nightcal, *arguments: str) -> list[dict[str, Any]]:
    ended = nightcal("plan", *arguments, "--json")
    assert (ended.status, ended.err) == (0, "")
    entries: list[dict[str, Any]] = json.loads(ended.out)
    return entries


def counts(entry: dict[str, Any], *keys: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for block in entry["blocks"]:
        if not keys or block["key"] in keys:
            for want in block["wants"]:
                found[want["set"]] = found.get(want["set"], 0) + want["count"]
    return found


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """A rig that took ten flats of L and Ha last night, and bias. Tonight is to come; no device answers."""
    config = load_config(write_config(tmp_path, text=site_at(14)))
    archive = Archive(config.storage.folder, config.site.site(), SystemClock())
    night = archive.site.night_of(datetime.now(UTC)) - timedelta(days=1)
    add_bias(archive.catalogue, night)
    add_twilight(archive.catalogue, archive.site, night, {"Ha": 10, "L": 10})
    add_twilight(archive.catalogue, archive.site, night - timedelta(days=15), {"R": 10})
    return archive


def test_the_plan_is_what_is_needed_less_what_is_there(nightcal: Nightcal, tmp_path: Path) -> None:
    write_config(tmp_path, text=CONFIG + FILTERS + SECOND_RIG)
    text = nightcal("plan", "--date", "2026-11-21")
    assert (text.status, text.err) == (0, "")
    for word in ("T1, night of 2026-11-21", "T2, night of 2026-11-21", "20 x bias", "10 x dark 600 s"):
        assert word in text.out
    first, second = planned(nightcal, "--date", "2026-11-21")
    assert (first["rig"], second["rig"], first["night"]) == ("T1", "T2", "2026-11-21")
    assert counts(first)["bias"] == 20
    assert {f"flat {name}": 10 for name in ("L", "R", "Ha")}.items() <= counts(first).items()


def test_what_the_catalogue_holds_is_not_planned_again(nightcal: Nightcal, archive: Archive) -> None:
    (entry,) = planned(nightcal)
    assert {name: count for name, count in counts(entry).items() if name.startswith("flat")} == {"flat R": 10}
    due = {one["set"]: one for one in entry["due"]}
    assert due["bias"]["held"] == 1
    assert due["flat R"]["due_since"] is not None
    assert due["flat R"]["next_attempt"]["night"] == entry["night"]


def test_sets_that_age_out_come_back_in_the_plan_of_that_night(nightcal: Nightcal, archive: Archive) -> None:
    nights = planned(nightcal, "T1", "--nights", "15")
    assert [entry["night"] for entry in nights] == [
        str(date.fromisoformat(nights[0]["night"]) + timedelta(days=number)) for number in range(15)
    ]
    again = [number for number, entry in enumerate(nights) if "flat L" in counts(entry)]
    assert again == [13]
    assert counts(nights[1]) == {}


def test_predictions_come_with_the_sets_that_were_learned_and_say_from_what(
    nightcal: Nightcal, archive: Archive
) -> None:
    (entry,) = planned(nightcal, "T1", "--tonight", "L x4")
    (dusk, *_) = [block for block in entry["blocks"] if block["key"] == "dusk"] or entry["blocks"]
    want = next(want for want in dusk["wants"] if want["filter"] == "L")
    assert 0.2 <= want["predicted"]["shortest_s"] <= want["predicted"]["longest_s"] <= 60
    assert dusk["start"] <= want["predicted"]["start"] < want["predicted"]["end"] <= dusk["end"]
    assert any("learned from 30 flats of 2 nights" in note for note in entry["notes"])


def test_a_table_has_local_and_universal_time_and_what_is_due(nightcal: Nightcal, archive: Archive) -> None:
    out = nightcal("plan", "T1").out
    zone = f"{archive.site.local(datetime.now(UTC)):%Z}"
    for word in (
        f"local ({zone})",
        "UTC",
        "what is due",
        "next attempt",
        "tonight",
        "1 of 20",
        "never whole",
    ):
        assert word in out


def test_without_a_list_of_filters_those_of_the_catalogue_are_used_and_it_says_so(
    nightcal: Nightcal, archive: Archive
) -> None:
    assert "the filters are those that flats were taken of so far: R Ha L" in nightcal("plan").out


def test_with_no_filters_known_at_all_it_says_so_and_shows_no_flats(
    nightcal: Nightcal, tmp_path: Path
) -> None:
    write_config(tmp_path)
    (entry,) = planned(nightcal)
    assert not any(name.startswith("flat") for name in counts(entry))
    assert any("the filters are not known yet" in note for note in entry["notes"])


def test_a_wheel_of_which_nothing_is_known_is_asked(
    nightcal: Nightcal, tmp_path: Path, server: Server
) -> None:
    write_config(tmp_path, server.address)
    (entry,) = planned(nightcal, "--date", "2026-11-21")
    assert {name for name in counts(entry) if name.startswith("flat")} == {
        f"flat {name}" for name in ("L", "R", "G", "B", "Ha", "OIII", "SII")
    }
    assert any("those of the wheel: L R G B Ha OIII SII" in note for note in entry["notes"])


def ordered_notes(plans: list[dict[str, Any]]) -> list[str]:
    return [note for plan in plans for note in plan["notes"] if "ordered" in note]


def test_an_order_for_tonight_comes_first_and_can_be_taken_back(nightcal: Nightcal, archive: Archive) -> None:
    before = planned(nightcal, "T1")
    night = str(date.fromisoformat(before[0]["night"]) + timedelta(days=1))
    (ordered,) = planned(nightcal, "T1", "--date", night, "--tonight", "Ha, L x20")
    assert counts(ordered, "dusk", "dawn") == {"flat Ha": 10, "flat L": 20, "flat R": 10}
    assert [want["filter"] for want in ordered["blocks"][0]["wants"]][:2] == ["Ha", "L"]
    assert any("Ha, L x20" in note for note in ordered["notes"])
    assert ordered_notes(planned(nightcal, "T1")) == ordered_notes(before) == []
    (cleared,) = planned(nightcal, "T1", "--date", night, "--clear-tonight")
    assert counts(cleared, "dusk", "dawn") == {"flat R": 10}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--tonight", "Ha"), "an order is for one rig; write nightcal plan RIG --tonight"),
        (("T1", "--tonight", "Ha,,L"), "the order 'Ha,,L' has an empty part; write it as Ha, OIII x20, L"),
        (("T1", "--tonight", "Lum"), "the order wants 'Lum', but known filters are R, Ha, L"),
        (("T1", "--tonight", "Ha x0"), "the order wants 0 of Ha; a count is from 1 to 1000"),
        (("T1", "--tonight", "Ha, Ha x5"), "the order names Ha twice; give one count"),
        (("T9",), "there is no rig 'T9' in the config; it has T1"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_with_what_would(
    nightcal: Nightcal, archive: Archive, arguments: tuple[str, ...], sentence: str
) -> None:
    ended = nightcal("plan", *arguments)
    assert ended.status == 2
    assert ended.sentence().startswith(sentence)
    assert not any("ordered" in note for entry in planned(nightcal) for note in entry["notes"])


def test_the_plan_without_a_date_is_for_tonight(nightcal: Nightcal, tmp_path: Path) -> None:
    site = load_config(write_config(tmp_path, text=site_at(14))).site.site()
    (plan,) = planned(nightcal)
    assert plan["night"] == str(site.local(datetime.now(UTC)).date())
