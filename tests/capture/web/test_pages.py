"""What pages show and do."""

from __future__ import annotations

import hashlib
import io
import re
from typing import Any
from zipfile import ZipFile

import pytest

from capture.config import NotifyConfig
from capture.frame import Kind
from tests.capture.store.frames import DARK, START
from tests.capture.web.conftest import HOSTILE, Served, page_over_library

ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;"


def test_now_tells_each_rig_its_exposure_set_and_temperature(served: Served) -> None:
    text = served.as_("member").get("/now/part").text
    for told in ("darks", "3 of 10", ">dark 120 s", "dark 120 s: 3 of 10", "9.9 °C", "paused by"):
        assert told in text, told
    assert ESCAPED in text
    assert HOSTILE not in text


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/frames",
        "/library",
        "/coverage",
        "/flats",
        "/tonight",
        "/log",
        "/control",
        "/points",
        "/requests",
    ],
)
def test_no_name_of_a_device_or_filter_becomes_code(served: Served, path: str) -> None:
    text = served.as_("operator").get(path).text
    assert HOSTILE not in text
    assert "<script>" not in text
    assert "style=" not in text
    assert " onclick=" not in text


def test_a_rejected_frame_tells_why_and_has_a_picture(served: Served) -> None:
    me = served.as_("member")
    assert f"level: {ESCAPED}" in me.get("/frames?verdict=rejected").text
    picture = me.get("/frames/1/240.png")
    assert (picture.headers["content-type"], picture.content[:4]) == ("image/png", b"\x89PNG")
    assert me.get("/frames/1/9999.png").status_code == 422
    assert me.get("/frames/999999").status_code == 404


def test_the_frames_that_a_page_lists_are_fetched_one_by_one_and_as_a_zip(served: Served) -> None:
    me = served.as_("member")
    listed = me.get("/api/v1/frames?rig=T1&good=true&limit=40").json()
    one = me.get(f"/frames/{listed[0]['id']}/file").content
    assert hashlib.sha256(one).hexdigest() == listed[0]["sha256"]
    whole = ZipFile(io.BytesIO(me.get("/frames.zip?rig=T1&verdict=good").content))
    hashes = sorted(hashlib.sha256(whole.read(name)).hexdigest() for name in whole.namelist())
    assert hashes == sorted(row["sha256"] for row in listed) != []
    assert me.get("/frames.zip?of_request=999").status_code == 404
    assert "There are no such frames" in me.get("/frames?of_request=999").text


@pytest.mark.parametrize(
    "url",
    [
        "json://127.0.0.1:8080/x", "xml://neighbour/", "form://neighbour", "mailto://a:b@mail.invalid", "file:///etc/x",
        "ntfy://neighbour/topic", "http://neighbour", "ada@nowhere", "slack://", "syslog://",
    ],
)  # fmt: skip
def test_nobody_is_told_by_hosts_that_a_member_names(
    served: Served, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARM_MAIL", "mailto://farm:password@mail.invalid")
    notify = NotifyConfig(mail_env="FARM_MAIL")
    monkeypatch.setattr(served.desk, "config", served.desk.config.model_copy(update={"notify": notify}))
    me = served.as_("member")
    refused = me.ask("POST", "/api/v1/me/address", json={"address": url})
    assert refused.status_code == 422
    assert url not in refused.text
    assert served.desk.archive.catalogue.accounts.addresses() == []


def test_a_person_says_where_to_be_told_and_that_no_longer(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARM_MAIL", "mailto://farm:password@mail.invalid")
    me, form = served.as_("member"), {"do": "tell", "address": "ada@example.org"}
    assert "tells nobody" in me.ask("POST", "/account/address", form=form).text
    notify = NotifyConfig(mail_env="FARM_MAIL")
    monkeypatch.setattr(served.desk, "config", served.desk.config.model_copy(update={"notify": notify}))
    assert "You are told nothing yet" in me.get("/account").text
    assert me.ask("POST", "/account/address", form=form | {"events": "alarm"}).status_code == 422
    assert me.ask("POST", "/account/address", form=form).status_code == 303
    (row,) = served.desk.archive.catalogue.accounts.addresses()
    assert (row.account, row.url, list(row.events)) == ("member", "ada@example.org", [])
    assert "You are told by <b>mail</b>" in me.get("/account").text
    assert me.ask("POST", "/account/address", form={"do": "nothing"}).status_code == 303
    assert served.desk.archive.catalogue.accounts.addresses() == []


def test_a_master_is_fetched_whole_by_anybody_with_what_it_was_made_of(served: Served) -> None:
    nobody = served.visitor()
    master = next(m for m in nobody.get("/api/v1/masters").json() if m["spec"]["kind"] == "dark")
    file = nobody.get(f"/library/{master['id']}/file")
    assert hashlib.sha256(file.content).hexdigest() == master["sha256"]
    text = nobody.get(f"/library/{master['id']}").text
    inputs = nobody.get(f"/api/v1/masters/{master['id']}").json()["inputs"]
    assert len(inputs) == 5
    assert all(one["sha256"] in text for one in inputs)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/frames?rig=T9", 422, "There is no rig"),
        ("/frames?kind=lamp", 422, "There is no kind"),
        ("/tonight?night=yesterday", 422, "is no date"),
        ("/frames?before=99999999999", 422, "is no number"),
        ("/library/../../etc/passwd", 404, "no such page"),
        ("/static/../app.py", 404, "no such page"),
        ("/static/%2e%2e/app.py", 404, "no such page"),
        ("/nothing", 404, "no such page"),
    ],
)
def test_nonsense_is_answered_with_what_is_wrong(served: Served, path: str, status: int, said: str) -> None:
    got = served.as_("member").get(path)
    assert (got.status_code, said in got.text) == (status, True)
    assert ">Sign out<" in got.text


def test_a_member_is_told_on_every_page_that_a_request_has_ended_until_they_have_looked(
    served: Served,
) -> None:
    other, told = served.as_("other"), "ended since you looked</span>"
    sent = other.ask("POST", "/api/v1/requests", {"rig": "T1", "kind": "dark", "exposure_s": 60, "count": 3})
    number = sent.json()["id"]
    assert told not in other.get("/frames").text
    served.as_("operator").post(f"/requests/{number}/refuse", why="maintenance")
    assert told in other.get("/frames").text
    (ended,) = other.get("/api/v1/requests/ended").json()
    assert (ended["id"], ended["state"], ended["by"], ended["why"]) == (
        number, "refused", "operator", "maintenance",
    )  # fmt: skip
    one = other.get(f"/api/v1/requests/{number}").json()
    assert [step["state"] for step in one["steps"]] == ["queued", "refused"]
    assert served.as_("member").get(f"/api/v1/requests/{number}").status_code == 404
    other.cookies |= other.get("/requests").cookies.get_dict()
    assert told not in other.get("/frames").text
    for nonsense in ("nan", "-1e300", "x", ""):
        other.cookies["nightcal_looked"] = nonsense
        assert other.get("/frames").status_code == 200


@pytest.mark.parametrize(
    ("who", "path", "form", "said", "kept"),
    [
        ("member", "/requests", {"rig": "T1", "kind": "dark", "exposure_s": "1e9", "count": "12"},
         "is above the", 'value="1e9"'),
        ("member", "/requests", {"rig": "T1", "kind": "flat", "exposure_s": "3", "count": "12"},
         "Flats are the operators", 'value="12"'),
        ("operator", "/control/run",
         {"rig": "T1", "sequence": "darks", "exposures_s": "sixty", "count": "31", "why": "new darks"},
         "Exposures are seconds separated by commas", 'value="sixty"'),
        ("operator", "/control/run",
         {"rig": "T1", "sequence": "sky_flats", "plan": "3, L, 1\n3, <b>, 12", "why": "as always"},
         "line 2 has the binning", "3, L, 1\n3, &lt;b&gt;, 12"),
        ("operator", "/points", {"account": "member", "points": "0", "why": "a test", "do": "grant"},
         "0 points change nothing", "Points of member"),
        ("admin", "/users", {"name": "no name", "role": "member", "do": "make"}, "name", "admin"),
    ],
)  # fmt: skip
def test_a_form_that_is_refused_is_shown_again_with_why_and_what_was_typed(
    served: Served, who: str, path: str, form: dict[str, Any], said: str, kept: str
) -> None:
    got = served.as_(who).post(path, **form)
    assert got.status_code in (403, 422), got.text
    alert = got.text.partition('role="alert">')[2].partition("</p>")[0]
    assert said in alert
    assert kept in got.text
    assert "<form" in got.text


def test_a_dry_run_shows_the_job_and_asks_the_service_for_nothing(served: Served) -> None:
    served.asked.clear()
    wanted = {"rig": "T1", "sequence": "darks", "exposures_s": "60, 120", "count": "7", "why": "new darks"}
    text = served.as_("operator").post("/control/run", do="dry", **wanted).text
    assert "14 frames" in text
    assert 'value="60, 120"' in text
    assert "21 min" in text
    assert not served.asked


@pytest.mark.parametrize(
    ("path", "form", "asked"),
    [
        ("run", {"sequence": "darks", "exposures_s": "60", "count": "2", "do": "start"},
         {"ask": "run", "sequence": "darks", "exposures_s": [60.0], "count": 2}),
        ("pause", {}, {"ask": "pause", "rigs": ["T1"]}),
        ("resume", {}, {"ask": "resume", "rigs": ["T1"]}),
        ("order", {"flats": "Ha, OIII x20"}, {"ask": "order", "rig": "T1", "flats": "Ha, OIII x20"}),
        ("event", {"kind": "filter_cleaned", "filters": "Ha"}, {"ask": "event", "kind": "filter_cleaned"}),
        ("set-aside", {"kinds": ["bias", "dark"], "since": "2026-11-21T16:30"},
         {"ask": "set_aside", "kinds": "bias,dark", "since": "2026-11-21T16:30"}),
        ("release", {"frames": "a.fits, b.fits"}, {"ask": "release", "frames": "a.fits, b.fits"}),
        ("reset-guard", {}, {"ask": "reset_guard"}),
        ("stop", {}, {"ask": "stop"}),
    ],
)  # fmt: skip
def test_what_an_operator_does_is_asked_of_the_service_with_who_and_why(
    served: Served, path: str, form: dict[str, Any], asked: dict[str, Any]
) -> None:
    served.asked.clear()
    operator = served.as_("operator")
    got = operator.post(f"/control/{path}", rig="T1", why="because", **form)
    assert got.status_code == 303, got.text
    (request,) = served.asked
    assert request.items() >= (asked | {"who": "operator", "why": "because"}).items()
    assert f"{asked['ask']} it is" in operator.get("/control").text


@pytest.mark.parametrize(
    "form",
    [
        {"sequence": "darks", "count": "10000"},
        {"sequence": "darks", "count": "-1"},
        {"sequence": "darks", "exposures_s": "1e9"},
        {"sequence": "darks", "exposures_s": "sixty"},
        {"sequence": "burn"},
        {"sequence": "bias", "why": ""},
        {"sequence": "sky_flats", "rig": "T9", "filters": "Ha"},
    ],
)
def test_a_run_that_makes_no_sense_is_refused_before_anybody_is_asked(
    served: Served, form: dict[str, str]
) -> None:
    served.asked.clear()
    got = served.as_("operator").post("/control/run", **({"rig": "T1", "why": "because", "do": "dry"} | form))
    assert got.status_code == 422
    assert not served.asked


def test_what_is_set_aside_is_shown_with_a_form_that_releases_it(served: Served) -> None:
    quarantine, now = served.desk.archive.catalogue.quarantine, served.desk.clock.now()
    aside = quarantine.set_aside("T1", (Kind.DARK,), START, now, "ada", "<b>light</b>")
    try:
        text = served.as_("operator").get("/control").text
    finally:
        quarantine.release(aside, now, "ada", "a test ends")
    assert aside
    assert f"{len(aside)} frames" in text
    assert "by ada: &lt;b&gt;light&lt;/b&gt;" in text
    assert f'name="frames" value="{now:%Y-%m-%dT%H:%M:%SZ}"' in text
    assert "Set aside now" not in served.as_("operator").get("/control").text


def test_a_member_is_offered_what_there_is_quoted_queued_and_may_cancel(served: Served) -> None:
    me = served.as_("member")
    wanted = {"rig": "T1", "kind": "dark", "exposure_s": f"{DARK.exposure_s}", "count": "3", "gain": "100"}
    wanted = {name: value for name, value in wanted.items() if name != "gain"}
    quote = me.post("/requests", **wanted).text
    assert "The library holds some already" in quote
    assert "6.000 points" in quote
    before = len(me.get("/api/v1/requests").json())
    assert me.post("/requests", do="send", **wanted).status_code == 303
    queue = me.get("/api/v1/requests").json()
    assert len(queue) == before + 1
    number = max(one["id"] for one in queue)
    other = served.as_("other").post(f"/requests/{number}/cancel", why="mine now")
    assert other.status_code in (403, 422)
    assert me.post(f"/requests/{number}/cancel", why="no more").status_code == 303
    assert number not in [one["id"] for one in me.get("/api/v1/requests").json()]


@pytest.mark.parametrize(
    "wanted",
    [{"kind": "flat"}, {"count": 10_000}, {"count": -1}, {"exposure_s": 1e9}, {"exposure_s": -5},
     {"rig": "T9"}, {"binning": 99}, {"temperature_c": -400}],
)  # fmt: skip
def test_a_member_cannot_ask_for_flats_or_nonsense(served: Served, wanted: dict[str, Any]) -> None:
    me = served.as_("member")
    given = {"rig": "T1", "kind": "dark", "exposure_s": 60, "count": 2} | wanted
    got = me.ask("POST", "/api/v1/requests", json=given)
    assert got.status_code in (403, 422)
    assert got.json()["detail"]
    assert me.post("/requests", do="send", **given).status_code in (403, 422)


def test_points_are_given_back_by_operators_and_stand_in_the_statement(served: Served) -> None:
    operator, me = served.as_("operator"), served.as_("member")
    assert (
        operator.post("/points", account="member", points="12.5", why="clouds", do="grant").status_code == 303
    )
    assert "12.5" in me.get("/points").text
    assert "clouds" in me.get("/points.csv").text
    assert me.get("/points?account=other").status_code == 403
    assert me.get("/api/v1/points?account=other").status_code == 403


def test_figures_for_prometheus_tell_rigs_and_sets(served: Served) -> None:
    text = served.as_("member").get("/metrics").text
    assert 'nightcal_rig_running{rig="T1"} 1.0' in text
    assert "nightcal_service_up 1.0" in text
    assert 'nightcal_sets{rig="T1",state="fresh"}' in text


def test_the_last_word_of_a_service_that_fell_silent_is_shown_as_old(tmp_path: Any) -> None:
    with page_over_library(tmp_path) as page:
        me = page.as_("member")
        assert "Stale" not in me.get("/now/part").text
        assert page.door is not None
        page.door.__exit__(None, None, None)
        text = ""
        while "Stale" not in text:
            text = me.get("/now/part").text
        assert "has not answered since" in text
        assert "3 of 10" in text
        refused = page.as_("operator").post("/control/pause", rig="T1", why="because")
        assert (refused.status_code, "does not answer" in refused.text) == (503, True)
        assert me.get("/healthz").json() == {"ok": True, "service": False}


def test_figures_have_their_units_and_one_master_is_compared_with_nothing(served: Served) -> None:
    me = served.as_("member")
    (bias, *_) = me.get("/api/v1/masters?kind=bias").json()
    text = me.get(f"/library/{bias['id']}").text
    assert re.search(r"<dt>median</dt><dd>[\d.]+ ADU</dd>", text), text
    health = me.get("/health").text
    assert "nothing to compare it with yet" in health
    assert "as usual" not in health
