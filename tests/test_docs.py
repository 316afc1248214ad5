"""The documents tell the truth where that can be checked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from capture.config import Config, parse_config

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
