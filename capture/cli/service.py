"""`nightcal serve`, and what a person asks of the running service: status, watch, stop, pause, resume."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated, Any

import typer

from capture.cli.ask import ask_service, no_service, stream_of_service, who
from capture.cli.console import console, journal_printer, show_json, show_table
from capture.cli.options import CONFIG, ConfigOption, JsonOption, with_farm
from capture.cli.status import status_of
from capture.clock import SystemClock, clock_of_this_process
from capture.config import Config, load_config
from capture.errors import BadInput
from capture.journal import Entry, Journal, jsonl_listener
from capture.night.control import Control
from capture.night.farm import Farm
from capture.night.scheduler import serve_nights, service_of
from capture.notify import notify
from capture.store.archive import Archive
from capture.web.server import page_beside

RigsOption = Annotated[
    list[str] | None, typer.Option("--rig", help="This rig; may be given several times. All if left out.")
]
WhoOption = Annotated[str, typer.Option("--who", help="Who asks; your login name if left out.")]
WhyOption = Annotated[str, typer.Option("--why", help="Why, for those who read it later.")]


def serve(config: ConfigOption = CONFIG, as_json: JsonOption = False) -> None:
    """Run unattended: every night of this site, until stopped."""
    settings, clock = load_config(config), clock_of_this_process()
    journal = Journal(clock)
    journal.listen(journal_printer(as_json=as_json))

    def nights(farm: Farm) -> None:
        journal.listen(jsonl_listener(settings.storage.folder / "journal.jsonl"))
        service = service_of(farm, journal)
        with Control(service, journal), page_beside(settings, farm.archive, journal):
            notify(READY=1)
            try:
                serve_nights(farm, journal, service=service, beat=lambda: notify(WATCHDOG=1, STATUS=service))
            finally:
                notify(STOPPING=1)

    with_farm(settings, clock, journal, nights, live=not as_json)


def status(config: ConfigOption = CONFIG, as_json: JsonOption = False) -> None:
    """Show what the running service does, and what the catalogue holds. Asks no device."""
    settings = load_config(config)
    answer = ask_service(settings, "status")
    if answer is None and not settings.storage.folder.exists():
        raise BadInput(
            f"{settings.storage.folder} does not exist yet: nothing has been taken with this config"
        )
    report = _held(settings)
    running = None if answer is None else answer["status"]
    if as_json:
        # The running service's word where there is one; the sets by rig from the catalogue.
        show_json(report | {"service": running})
        return
    source = "no service is running; from the catalogue" if running is None else "from the running service"
    console.print(
        f"{report['site']}: {datetime.fromisoformat(report['time']):%Y-%m-%d %H:%M:%S} UTC, "
        f"Sun at {report['sun_altitude_deg']:.1f} deg; {source}"
    )
    if running is not None and running["guard"] is not None:
        console.print(_guard_words(running["guard"]))
    live = {} if running is None else {rig["rig"]: rig for rig in running["rigs"]}
    for rig in report["rigs"]:
        console.print(f"\n{rig['rig']}: next flats {rig['next_flats']}; last run: {rig['last_run']}")
        for line in _live_words(live[rig["rig"]]) if rig["rig"] in live else ():
            console.print(f"  {line}", markup=False)
        rows = [(s["set"], s["good"], s["age"], s["master"]) for s in rig["sets"]]
        show_table("", ("set", "good frames", "newest", "master"), rows)


def watch(config: ConfigOption = CONFIG, as_json: JsonOption = False) -> None:
    """Show what happens in the running service, as it happens, until it ends or Ctrl-C."""
    tell = journal_printer(as_json=as_json)
    for said in stream_of_service(load_config(config), "watch"):
        if "entry" in said:
            entry = said["entry"]
            time = datetime.fromisoformat(entry["time"])
            tell(Entry(time, entry["source"], entry["kind"], entry["text"], entry["data"]))
        elif not as_json:
            console.print("watching; Ctrl-C ends the watching, not the service")
        sys.stdout.flush()


def stop(
    rig: RigsOption = None, name: WhoOption = "", why: WhyOption = "", config: ConfigOption = CONFIG
) -> None:
    """End the running service in good order; with --rig only that rig's work, which then waits for resume."""
    settings, rigs = load_config(config), rig or []
    answer = _asked(settings, "stop", rigs=rigs, who=name or who(), why=why)
    console.print(answer.get("told") or f"{', '.join(rigs)} end their work, and wait for nightcal resume")


def pause(
    rig: RigsOption = None, name: WhoOption = "", why: WhyOption = "", config: ConfigOption = CONFIG
) -> None:
    """Let rigs begin no new work, a restart included; what runs ends in good order, saved."""
    _show_paused(_asked(load_config(config), "pause", rigs=rig or [], who=name or who(), why=why))


def resume(
    rig: RigsOption = None, name: WhoOption = "", why: WhyOption = "", config: ConfigOption = CONFIG
) -> None:
    """Let paused rigs work again."""
    _show_paused(_asked(load_config(config), "resume", rigs=rig or [], who=name or who(), why=why))


def _asked(settings: Config, what: str, **more: object) -> dict[str, Any]:
    answer = ask_service(settings, what, **more)
    if answer is None:
        raise BadInput(no_service(settings))
    return answer


def _show_paused(answer: dict[str, Any]) -> None:
    paused = ", ".join(answer["paused"])
    console.print(f"paused: {paused}" if paused else "no rig is paused")


def _held(settings: Config) -> dict[str, Any]:
    clock = SystemClock()
    archive = Archive.of(settings, clock)
    try:
        return status_of(settings, archive, settings.site.site(), clock.now())
    finally:
        archive.close()


def _guard_words(guard: dict[str, Any]) -> str:
    reasons = f": {'; '.join(guard['reasons'])}" if guard["reasons"] else ""
    words = f"the roof is {guard['roof']}; {'safe' if guard['safe'] else 'not safe'}{reasons}"
    return words + (f"; FAULT: {guard['fault']}" if guard["fault"] else "")


def _live_words(rig: dict[str, Any]) -> list[str]:
    """What one rig does, in lines."""
    lines = []
    if rig["paused"]:
        lines.append(rig["paused"])
    if rig["run"]:
        lines.append(f"{rig['run']['sequence']} {rig['run']['text']}")
    elif not rig["paused"]:
        lines.append(rig["doing"])
    if rig["set_progress"]:
        lines.append("{set}: {taken} of {wanted} good".format(**rig["set_progress"]))
    exposure, waiting = rig["exposure"], rig["waiting_for"]
    if exposure:
        what = " ".join(word for word in (exposure["kind"], exposure["filter"]) if word)
        lines.append(f"exposing {what}, {exposure['exposure_s']:g} s, {exposure['left_s']:.0f} s left")
    elif waiting:
        left = "" if waiting["left_s"] is None else f", {waiting['left_s']:.0f} s left"
        lines.append(f"waiting for {waiting['what']}{left}")
    if rig["temperature_c"] is not None:
        lines.append(_sensor_words(rig))
    if rig["asked"]:
        lines.append(f"asked by hand: {', '.join(rig['asked'])}")
    if rig["last_frame"]:
        lines.append(f"last frame: {rig['last_frame']['text']}")
    return lines


def _sensor_words(rig: dict[str, Any]) -> str:
    wanted, power = rig["set_temperature_c"], rig["cooler_power_percent"]
    words = f"the sensor was at {rig['temperature_c']:.1f} C"
    words += f" at {datetime.fromisoformat(rig['temperature_read']):%H:%M:%S} UTC"
    words += f", wanted {wanted:g} C" if wanted is not None else ""
    return words + (f", the cooler at {power:.0f} %" if power is not None else "")
