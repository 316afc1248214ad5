"""What other processes of this machine may ask the service, at its LocalDoor in the archive's folder.

Who asks and why (`who`, `why`) is kept with what was asked. Answers are `{...}` or `{"error"}`:

    status                                  what everybody does now: {"status"}; asks no device
    watch                                   a stream, {"entry"} by {"entry"}, of the journal from now on
    stop                                    the whole service ends
    stop, pause, resume {"rigs": [NAME]}    these rigs, all if none is named: {"paused": [NAME]}
    run {"rig", "sequence", "filters", "exposures_s", "count"}     {"told"}
    event {"rig", "kind", "filters", "at", "note"}                 {"recorded": [[NUMBER, TEXT]]}
    order {"rig", "flats"}                  tonight's flats that come first, as `Ha, OIII x20`: {"told"}
    set_aside {"rig", "kinds", "since"}     frames that count no longer: {"told"}
    release {"rig", "frames"}               those that are set aside count again: {"told"}
    reset_guard                             somebody has looked at the roof's fault: {"told"}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty, Full, Queue
from types import TracebackType
from typing import Any

from capture.config import Config
from capture.errors import NightcalError
from capture.journal import Entry, Journal
from capture.local_door import Answer, LocalDoor, Request
from capture.night.hand_runs import HandRun
from capture.night.happenings import record, release, set_aside
from capture.night.ordering import give_order
from capture.night.service import Service

# Who reads so much slower than things happen is let go.
_MOST_UNREAD = 1000
_LONGEST_TEXT = 500


def door_folder(config: Config) -> Path:
    """Where the service's door is."""
    return config.storage.folder / "service"


class Control(LocalDoor):
    """Serves `service` while it is entered."""

    def __init__(self, service: Service, journal: Journal) -> None:
        self._service = service
        self._watchers: list[Queue[Entry | None]] = []
        super().__init__(door_folder(service.farm.config), "the service", self._do)
        if self.failure is not None:
            journal.say("nightcal", "alarm", f"nobody can ask the service for anything: {self.failure}")
        journal.listen(self._tell)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for watcher in self._watchers:
            with suppress(Full):
                watcher.put_nowait(None)
        super().__exit__(kind, error, trace)

    def _do(self, request: Request) -> Answer:
        try:
            return self._answer_of(request)
        except NightcalError as error:
            return {"error": str(error)}

    def _answer_of(self, request: Request) -> Answer:
        service = self._service
        who, why = (str(request.get(key, ""))[:_LONGEST_TEXT] for key in ("who", "why"))
        rigs = [str(name) for name in request.get("rigs") or ()]
        match request["ask"]:
            case "status":
                return {"status": service.status()}
            case "watch":
                return self._watch()
            case "stop" if not rigs:
                service.stop(who, why)
                return {"told": "the service ends"}
            case "stop" | "pause":
                service.pause(rigs, who, why)
            case "resume":
                service.resume(rigs, who, why)
            case "run":
                return {"told": service.ask(str(request["rig"]), HandRun.of(request))}
            case "event":
                return {"recorded": self._record(request, who)}
            case "order":
                return {"told": self._order(str(request["rig"]), str(request["flats"]), who, why)}
            case "set_aside":
                return {"told": self._set_aside(request, who, why)}
            case "release":
                return {"told": self._release(request, who, why)}
            case "reset_guard":
                return {"told": service.reset_guard(who, why)}
            case other:
                raise ValueError(f"{other!r} is nothing to ask")
        status = service.status()
        return {"paused": [rig["rig"] for rig in status["rigs"] if rig["paused"]]}

    def _record(self, request: Request, who: str) -> list[tuple[int, str]]:
        farm = self._service.farm
        rig, kind, filters, at, note = (
            str(request.get(key, "")) for key in ("rig", "kind", "filters", "at", "note")
        )
        now = farm.clock.now()
        recorded = record(farm.archive, farm.config, rig, kind, filters, at, who, note, now)
        for _, text in recorded:
            self._tell(Entry(now, rig, "event", f"{text}; told by {who}" + (f": {note}" if note else "")))
        # What counts no more is due again: who waits looks anew.
        self._service.tick()
        return recorded

    def _order(self, rig: str, flats: str, who: str, why: str) -> str:
        farm = self._service.farm
        now = farm.clock.now()
        config = farm.config.rig_named(rig)
        said = give_order(farm.archive, config, farm.site.night_of(now), flats, now, who, why)
        self._tell(Entry(now, rig, "order", said))
        self._service.tick()
        return f"{rig}: {said}"

    def _set_aside(self, request: Request, who: str, why: str) -> str:
        farm = self._service.farm
        rig, kinds, since = (str(request.get(key, "")) for key in ("rig", "kinds", "since"))
        said = set_aside(farm.archive, farm.config, rig, kinds, since, who, why, farm.clock.now())
        farm.journal.say(rig, "quarantine", said)
        self._service.tick()
        return f"{rig}: {said}"

    def _release(self, request: Request, who: str, why: str) -> str:
        farm = self._service.farm
        rig, frames = str(request.get("rig", "")), str(request.get("frames", ""))
        farm.config.rig_named(rig)
        names = [name.strip() for name in frames.split(",") if name.strip()]
        back = release(farm.archive, rig, names, who, why, farm.clock.now())
        count = f"{len(back.frames)} frames and {len(back.masters)} masters"
        said = f"{count} count again, given back by {who}: {why}"
        farm.journal.say(rig, "quarantine", said)
        self._service.tick()
        return f"{rig}: {said}"

    def _watch(self) -> Iterator[Mapping[str, Any]]:
        watcher: Queue[Entry | None] = Queue(_MOST_UNREAD)
        self._watchers.append(watcher)

        def told() -> Iterator[Mapping[str, Any]]:
            try:
                yield {"watching": True}
                while (entry := watcher.get()) is not None:
                    yield {"entry": _plain(entry)}
            finally:
                with suppress(ValueError):
                    self._watchers.remove(watcher)

        return told()

    def _tell(self, entry: Entry) -> None:
        for watcher in list(self._watchers):
            try:
                watcher.put_nowait(entry)
            except Full:
                with suppress(ValueError):
                    self._watchers.remove(watcher)
                with suppress(Empty, Full):
                    watcher.get_nowait()
                    watcher.put_nowait(None)


def _plain(entry: Entry) -> dict[str, Any]:
    head = {"time": entry.time.isoformat(), "source": entry.source, "kind": entry.kind, "text": entry.text}
    return head | {"data": entry.data}
