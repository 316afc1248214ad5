"""The page under load and under nonsense: `python -m benchmarks.web [--quick] [--json FILE]`.

Keys: `requests` in all, `server_errors` (5xx), `escalations` (answered although the role may not), and
`p95_ms` of 100 clients that look at the page's addresses at once, over a catalogue of a million frames. The
clients are a process of their own; each waits a second between two looks, as a page that polls does.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any

import requests

from benchmarks.catalogue import END, RIGS, fill
from capture.clock import SimulatedClock
from capture.config import parse_config
from capture.journal import Journal
from capture.local_door import LocalDoor
from capture.members.accounts import create, issue_token
from capture.members.roles import Role, Scope
from capture.store.archive import CATALOGUE, Archive
from capture.store.dialects import dialect_of
from capture.web.desk import Desk
from capture.web.server import page_served
from tests.capture.web.conftest import CONFIG, Served, answer
from tests.capture.web.test_access import TABLE
from tests.capture.web.test_api import called

CLIENTS = 100
LOOKS = (
    "/now/part",
    "/frames",
    "/library",
    "/coverage",
    "/health",
    "/api/v1/status",
    "/api/v1/masters",
    "/api/v1/frames?rig=T3",
)


def clients(address: str, token: str, seconds: float) -> list[tuple[int, float]]:
    """Status and milliseconds of every answer to the clients."""
    answers: list[tuple[int, float]] = []
    end = time.monotonic() + seconds

    def look(number: int) -> None:
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {token}"
            time.sleep(number / CLIENTS)
            while time.monotonic() < end:
                start = time.perf_counter()
                got = session.get(address + LOOKS[(number + len(answers)) % len(LOOKS)], timeout=120)
                answers.append((got.status_code, 1000 * (time.perf_counter() - start)))
                time.sleep(1.0)

    threads = [threading.Thread(target=look, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def measure(folder: Path, frames: int, seconds: float) -> dict[str, Any]:
    """All figures."""
    rigs = "".join(f'[[rig]]\nname = "{name}"\ncamera = "127.0.0.1:9/{n}"\n' for n, name in enumerate(RIGS))
    text = CONFIG[: CONFIG.index("[[rig]]")] + rigs + "[web]\nport = 0\n"
    config = parse_config(text, folder / "nightcal.toml")
    clock = SimulatedClock(END + timedelta(hours=1))
    archive = Archive.of(config, clock)
    dialect, _ = dialect_of(str(archive.root / CATALOGUE), 600.0)
    with dialect.writers().begin() as connection:
        fill(connection, frames)
    dialect.engine.dispose()
    accounts, tokens = archive.catalogue.accounts, {}
    for role in (Role.MEMBER, Role.OPERATOR):
        create(accounts, role.word, role, clock.now())
    desk = Desk(config, archive)
    for role in (Role.MEMBER, Role.OPERATOR):
        tokens[role] = issue_token(accounts, role.word, "all", list(Scope), desk.clock.now()).secret
    asked: list[dict[str, Any]] = []
    door = LocalDoor(archive.root / "service", "the service", lambda request: answer(asked, request))
    with door, page_served(desk, Journal(clock)) as address:
        served = Served(address, desk)
        for path in LOOKS:
            start = time.perf_counter()
            requests.get(
                address + path, headers={"Authorization": f"Bearer {tokens[Role.OPERATOR]}"}, timeout=600
            )
            print(f"  first {path}: {1000 * (time.perf_counter() - start):.0f} ms", flush=True)
        command = [
            sys.executable,
            "-m",
            "benchmarks.web",
            "--client",
            address,
            tokens[Role.OPERATOR],
            str(seconds),
        ]
        looked = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        nonsense: list[tuple[Role, tuple[str, str, int, bytes]]] = []
        for role in (Role.VISITOR, Role.MEMBER, Role.OPERATOR):
            headers = _bearer(tokens[role]) if role in tokens else {}
            nonsense += [(role, one) for one in called(served, headers)]
    archive.close()
    escalated = [one for role, one in nonsense if one[2] < 300 and role < TABLE[one[0], one[1]][0]]
    statuses = [status for status, _ in looked] + [one[2] for _, one in nonsense]
    return {
        "frames": frames,
        "requests": len(statuses),
        "server_errors": sum(status >= 500 for status in statuses),
        "escalations": len(escalated),
        "p95_ms": quantiles([ms for _, ms in looked], n=20)[-1],
    }


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="20,000 frames instead of a million")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--client", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.client:
        address, token, seconds = arguments.client
        print(json.dumps(clients(address, token, float(seconds))))
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(
            Path(folder), 20_000 if arguments.quick else 1_000_000, 10 if arguments.quick else 30
        )
    for name, value in figures.items():
        print(f"{name:>16} {value:10.1f}" if isinstance(value, float) else f"{name:>16} {value:10}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
