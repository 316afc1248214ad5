"""From the file to checked data, or to sentences that say what to mend."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from capture.errors import BadInput

AnyModel = TypeVar("AnyModel", bound=BaseModel)


def read_text(path: Path) -> str:
    """The config file's text. Raises BadInput."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"there is no config file {path}; name one with --config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the config file {path} cannot be read: {error}") from error


def checked(model: type[AnyModel], text: str, path: Path) -> AnyModel:
    """The TOML `text` as `model` has it. Raises BadInput with one line, naming `path`, per thing to mend."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path} is no valid TOML: {error}") from error
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = error.errors()
        # A list whose items are faulty counts as empty: the items' own faults say it better.
        parents = {fault["loc"][:depth] for fault in faults for depth in range(len(fault["loc"]))}
        lines = [
            _sentence(data, tuple(fault["loc"]), fault["type"], fault["msg"])
            for fault in faults
            if fault["type"] != "too_short" or fault["loc"] not in parents
        ]
        raise BadInput("\n".join(f"{path}: {line}" for line in dict.fromkeys(lines))) from error


def _sentence(data: Any, where: tuple[str | int, ...], fault: str, message: str) -> str:
    """One fault as a sentence that names section and key: `[rig "T1".flats] has no key ...`."""
    sections: list[str] = []
    node = data
    for part in where[:-1]:
        child = node[part] if isinstance(node, list) and isinstance(part, int) else None
        if isinstance(node, dict):
            child = node.get(part)
        if isinstance(part, int):
            name = child.get("name") if isinstance(child, dict) else None
            sections[-1] += f' "{name}"' if name else f" number {part + 1}"
        elif isinstance(child, dict | list):
            sections.append(part)
        node = child
    key = where[-1] if where else ""
    section = f"[{'.'.join(sections)}]" if sections else "the top level"
    message = message.removeprefix("Value error, ")
    if fault == "extra_forbidden":
        return f"{section} knows no key {key!r}; take it out or mend its spelling"
    if fault == "missing":
        return f"{section} lacks the key {key!r}"
    if not where:
        return message
    if isinstance(node, dict) and isinstance(node.get(key), dict):
        return f"[{'.'.join((*sections, str(key)))}]: {message}"
    return f"{section} {key}: {message[:1].lower()}{message[1:]}"
