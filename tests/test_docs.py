"""The documents tell the truth where that can be checked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from math import exp
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from typer import Context
from typer.main import get_command

from capture.cli.app import app
from capture.config import Config, parse_config
from capture.library.provenance import FIGURES
from capture.site import Window
from capture.store.gates import GATES
from tests.documents import PAGES, ROOT, blocks, command_lines, commands_named, documented_keywords, stem

# What a fragment of a config in the documents is a part of.
AROUND = {
    "site": """[site]
name = "Ridge"
latitude_deg = 32.9
longitude_deg = -105.5
elevation_m = 2225
time_zone = "America/Denver"
""",
    "storage": '[storage]\nfolder = "data"\n',
    "rig": '[[rig]]\nname = "T1"\ncamera = "192.168.1.20:11111/0"\n',
}
ROOF = """[roof]
dome = "192.168.1.20:11111/0"
mode = "operate"
if_park_fails = "stay_open"
safety_monitors = ["192.168.1.20:11111/0"]
"""
COMMAND: Any = get_command(app)


def keys_of(model: type[BaseModel]) -> set[str]:
    keys = set(model.model_fields)
    for field in model.model_fields.values():
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel) and part.__name__.endswith("Config"):
                keys |= keys_of(part)
    return keys


def test_every_key_of_the_config_is_documented() -> None:
    text = (ROOT / "docs" / "config.md").read_text()
    missing = {key for key in keys_of(Config) if not re.search(rf"\b{key}\b", text)}
    assert missing == set()


def test_the_readmes_config_is_valid(tmp_path: Path) -> None:
    (toml,) = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert parse_config(toml, tmp_path / "nightcal.toml").rig_named("T1").flats.count == 10


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_config_in_the_documents_is_valid(page: Path, tmp_path: Path) -> None:
    for toml in blocks(page, "toml"):
        around = [
            text for name, text in AROUND.items() if not re.search(rf"^\[+{name}\]", toml, re.MULTILINE)
        ]
        around += [ROOF] if "[guard]" in toml and "[roof]" not in toml else []
        parse_config("\n".join([*around, toml]), tmp_path / "nightcal.toml")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_command_in_the_documents_exists(page: Path) -> None:
    for words in command_lines(page):
        command, path, rest = resolved(words)
        command.make_parser(Context(command, info_name=path)).parse_args(rest)
    for words in commands_named(page):
        command, path, rest = resolved(words)
        known = {"--help", *(name for parameter in command.params for name in parameter.opts)}
        known |= {name for parameter in command.params for name in parameter.secondary_opts}
        unknown = {word for word in rest if word.startswith("--")} - known
        assert not unknown, f"nightcal {path} has no {unknown}"


def resolved(words: list[str]) -> tuple[Any, str, list[str]]:
    """The command that is named by the first of the words, its name, and the other words."""
    command, rest, path = COMMAND, list(words), ""
    while rest and not rest[0].startswith("-") and hasattr(command, "commands"):
        assert rest[0] in command.commands, f"there is no nightcal {path} {rest[0]}"
        path, command = f"{path} {rest[0]}".strip(), command.commands[rest.pop(0)]
    return command, path, rest


def test_every_fits_keyword_that_may_be_written_is_documented_and_no_other() -> None:
    documented = set(documented_keywords())
    written = {keyword for keyword, _ in [*FIGURES.values(), *GATES.values()]}
    assert written - documented == set()
    source = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("capture/**/*.py"))
    prefixes = {f"{kind}{what}" for kind in ("BIAS", "DARK", "FLAT") for what in ("FILE", "SHA")}
    prefixes |= {stem(keyword) for keyword in ("IN0001", "SH0001", "REASON1")}
    assert {k for k in documented - prefixes if f'"{k}"' not in source} <= {"SATURATE", "HISTORY"}


@pytest.mark.parametrize("document", PAGES, ids=lambda p: p.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target


def test_every_file_that_the_house_names_exists() -> None:
    text = (ROOT / "docs" / "house.md").read_text()
    for name in re.findall(r"^\| `([a-z_/.]+)`", text, re.MULTILINE):
        assert (ROOT / name).exists(), name


def test_the_stranger_s_loop_drives_a_twilight_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    (loop,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "sky_flats.md").read_text(), re.DOTALL)
    assert len(loop.splitlines()) <= 20
    start = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
    clock = [start]

    def sun_altitude_deg(when: datetime) -> float:
        return -(when - start).total_seconds() / 300

    def take(filter_name: str, exposure_s: float) -> tuple[datetime, float, float]:
        started = clock[0]
        clock[0] += timedelta(seconds=exposure_s + 2)
        rate = {"L": 4e6, "Ha": 1.2e5}[filter_name] * exp(1.15 * sun_altitude_deg(started))
        level_adu = min(64_000.0, rate * exposure_s)
        return started, level_adu, float(level_adu >= 64_000.0)

    def sleep_until(when: datetime) -> None:
        clock[0] = max(when, clock[0] + timedelta(seconds=0.1))

    around = {
        "window": Window(start, start + timedelta(minutes=50)),
        "sun_altitude_deg": sun_altitude_deg,
        "now": lambda: clock[0],
        "sleep_until": sleep_until,
        "take": take,
    }
    exec(loop, around)
    assert capsys.readouterr().out == "every filter has its frames\n"
