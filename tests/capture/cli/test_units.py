"""The units that `nightcal service install` writes, and the container's files, fit the program."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from capture.cli.app import app
from tests.capture.cli.command import CONFIG, ROOF, Nightcal, as_process, write_config

ROOT = Path(__file__).parents[3]
GUARDED = CONFIG + ROOF + "[guard]\n"


def units(printed: str) -> dict[str, str]:
    """The units that were printed, by file name."""
    parts = re.split(r"^# (nightcal\S*\.service)\n", printed, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def values(unit: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in unit.splitlines() if line.startswith(f"{key}=")]


@pytest.mark.parametrize("options", [(), ("--user",)])
def test_guard_and_service_are_restarted_when_they_die_or_hang_but_not_when_an_operator_stops_them(
    tmp_path: Path, nightcal: Nightcal, options: tuple[str, ...]
) -> None:
    write_config(tmp_path, text=GUARDED + "[web]\napart = true\n")
    printed = units(nightcal("service", "install", "--print", *options).out)
    assert list(printed) == ["nightcal-guard.service", "nightcal.service", "nightcal-web.service"]
    for unit in printed.values():
        assert values(unit, "Type") == ["notify"]
        assert values(unit, "Restart") == ["always"]
        assert values(unit, "RestartPreventExitStatus") == ["130"]
        assert int(values(unit, "WatchdogSec")[0]) >= 60
    # A service that needed its guard would be stopped with it, and a stopped guard is no reason for that.
    assert values(printed["nightcal.service"], "Requires") == []


def test_what_a_unit_starts_is_a_command_that_there_is(tmp_path: Path, nightcal: Nightcal) -> None:
    write_config(tmp_path, text=GUARDED + "[web]\napart = true\n")
    for unit in units(nightcal("service", "install", "--print").out).values():
        (start,) = values(unit, "ExecStart")
        words = shlex.split(start)
        assert words[:3] == as_process()[:3]
        assert nightcal(words[3], "--help").status == 0
        assert Path(words[words.index("--config") + 1]) == tmp_path / "nightcal.toml"


def test_the_service_may_write_where_it_writes_and_its_folders_are_made(
    tmp_path: Path, nightcal: Nightcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "conf"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    write_config(tmp_path, text=GUARDED)
    fenced = units(nightcal("service", "install", "--print").out)["nightcal.service"]
    folders = [tmp_path / "archive", tmp_path / "guard", tmp_path / "state" / "nightcal"]
    assert values(fenced, "ReadWritePaths") == [f"-{folder}" for folder in folders]
    told = nightcal("service", "install", "--user")
    assert told.status == 0, told.err
    assert all(folder.is_dir() for folder in folders)
    assert (tmp_path / "conf" / "systemd" / "user" / "nightcal.service").is_file()
    assert "systemctl --user enable --now nightcal-guard.service nightcal.service" in " ".join(
        told.out.split()
    )


def test_a_config_without_a_guard_gives_the_service_alone(tmp_path: Path, nightcal: Nightcal) -> None:
    write_config(tmp_path)
    assert list(units(nightcal("service", "install", "--print").out)) == ["nightcal.service"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_finds_nothing_to_complain_of(tmp_path: Path, nightcal: Nightcal) -> None:
    write_config(tmp_path, text=GUARDED)
    files = []
    for name, unit in units(nightcal("service", "install", "--print").out).items():
        files.append(tmp_path / name)
        files[-1].write_text(unit)
    checked = subprocess.run(
        ["systemd-analyze", "verify", *map(str, files)], capture_output=True, text=True, check=False
    )
    mine = [line for line in checked.stderr.splitlines() if "nightcal" in line]
    assert (checked.returncode, mine) == (0, [])


def test_the_container_starts_commands_that_there_are_and_copies_what_is_there(nightcal: Nightcal) -> None:
    names = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    names |= {group.name for group in app.registered_groups if group.name}
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text()
    compose = (ROOT / "docker" / "compose.yaml").read_text()
    started = re.findall(r"^(?:CMD|    command:) (\[.*\])$", dockerfile + compose, flags=re.MULTILINE)
    assert [json.loads(words)[0] for words in started] == ["serve", "guard", "serve"]
    assert {"serve", "guard"} <= names
    for line in re.findall(r"^COPY (.*) \S+$", dockerfile, flags=re.MULTILINE):
        assert all((ROOT / name).exists() for name in line.split())
    volumes = set(json.loads(re.findall(r"^VOLUME (.*)$", dockerfile, flags=re.MULTILINE)[0]))
    assert set(re.findall(r":(/\w+)\"", compose)) == volumes
    assert "XDG_STATE_HOME=/state" in dockerfile
