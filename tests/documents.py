"""The documents as data: their blocks, their commands, and what their tables say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [
    *sorted(path for path in ROOT.glob("docs/**/*.md") if "_build" not in path.parts),
    ROOT / "README.md",
]

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_NUMBERED = re.compile(r"\d+$")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of that language."""
    return [text for name, text in _FENCED.findall(page.read_text(encoding="utf-8")) if name == language]


def command_lines(page: Path) -> list[list[str]]:
    """Every command line of nightcal that the page shows to be typed, without the program's name."""
    text = page.read_text(encoding="utf-8")
    shown = [block for _, block in _FENCED.findall(text)] + re.findall(r"^ {4}.*\n", text, re.MULTILINE)
    lines = re.findall(
        r"^ *(?:\.venv/bin/)?nightcal (.*)$", "".join(shown).replace("\\\n", " "), re.MULTILINE
    )
    return [shlex.split(line, comments=True) for line in lines]


def curls(page: Path) -> list[list[str]]:
    """Every call of curl that the page shows, in words."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    return [shlex.split(line) for line in re.findall(r"^ *(curl .*127\.0\.0\.1:8080.*)$", text, re.MULTILINE)]


def commands_named(page: Path) -> list[list[str]]:
    """Every command that the page names in a sentence or a table, without brackets."""
    text = page.read_text(encoding="utf-8")
    named = (" ".join(found.split()) for found in re.findall(r"`nightcal ([^`]+)`", text))
    return [re.sub(r"\.\.\.|[][|\"]", " ", one).split() for one in named]


def documented_keywords() -> dict[str, str]:
    """By FITS keyword in which files it is, of R, M and C; `IN` and the like stand for all numbers."""
    text = (ROOT / "docs" / "reference" / "fits-headers.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]*) \| ([RMC]+) \|", text, re.MULTILINE)
    return {
        stem(keyword): places for names, places in rows for keyword in re.findall(r"`([A-Z0-9-]+)`", names)
    }


def stem(keyword: str) -> str:
    """A keyword without the number that tells its like apart."""
    numbered = keyword.startswith(("IN0", "SH0", "REASON"))
    return _NUMBERED.sub("", keyword) if numbered else keyword
