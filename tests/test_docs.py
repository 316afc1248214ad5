"""The documents tell the truth where that can be checked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from math import exp
from pathlib import Path

import pytest
from pydantic import BaseModel

from capture.config import Config, parse_config
from capture.site import Window

ROOT = Path(__file__).parents[1]


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


@pytest.mark.parametrize(
    "document", [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"], ids=lambda p: p.name
)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
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
