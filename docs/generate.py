"""What the program tells of itself, as Markdown: its commands and its API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import typer
from typer.main import get_command

from capture.cli.app import app
from capture.web.app import application
from capture.web.desk import Desk

Schema = dict[str, Any]


def cli() -> str:
    """Every command with its arguments and options, as typer has them."""
    return "\n".join(line for command in _commands(get_command(app), "nightcal") for line in _of(*command))


def _commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, command in getattr(group, "commands", {}).items():
        here = f"{path} {name}"
        if not command.hidden:
            yield here, command
            yield from _commands(command, here)


def _of(path: str, command: Any) -> Iterator[str]:
    yield from ("#" * len(path.split()) + f" {path}", "", _plain(command.help or ""), "")
    context = typer.Context(command, info_name=path)
    if hasattr(command, "commands") and not command.invoke_without_command:
        return
    yield from ("```text", " ".join([path, *command.collect_usage_pieces(context)]), "```", "")
    records = [record for parameter in command.params if (record := parameter.get_help_record(context))]
    if records:
        yield from ("| | |", "|---|---|")
        yield from (f"| `{_plain(names, code=True)}` | {_plain(text)} |" for names, text in records)
        yield ""


def api() -> str:
    """Every address of the API by its OpenAPI, with what goes in."""
    described = application(cast(Desk, None)).openapi()
    schemas: Schema = described["components"]["schemas"]
    lines: list[str] = []
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            lines += _of_address(f"{method.upper()} {path}", operation, schemas)
    return "\n".join(lines)


def _of_address(title: str, operation: Schema, schemas: Schema) -> Iterator[str]:
    yield from (f"### {title}", "", _plain(operation.get("description") or operation["summary"]), "")
    rows = [
        (one["name"], one["in"], one["schema"], one.get("required", False), one.get("description", ""))
        for one in operation.get("parameters", [])
    ]
    if "requestBody" in operation:
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        schema = schemas[body["$ref"].rpartition("/")[2]]
        needed = schema.get("required", [])
        rows += [
            (name, "body", one, name in needed, one.get("description", ""))
            for name, one in schema.get("properties", {}).items()
        ]
    if rows:
        yield from ("| name | in | type | | |", "|---|---|---|---|---|")
        for name, place, schema, required, told in rows:
            default = schema.get("default")
            shown = "must be given" if required else "" if default in (None, "", []) else f"`{default}`"
            yield f"| `{name}` | {place} | {_type(schema)} | {shown} | {_plain(told)} |"
        yield ""


def _type(schema: Schema) -> str:
    """A JSON schema's type in words, with its limits."""
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    limits = [
        f"{word} {schema[key]}"
        for key, word in (
            ("minimum", "from"), ("exclusiveMinimum", "above"),
            ("maximum", "to"), ("exclusiveMaximum", "below"),
            ("maxLength", "at most letters:"),
        )
        if key in schema
    ]  # fmt: skip
    return " ".join([str(schema.get("format") or schema.get("type", "anything")), *limits])


def _plain(text: str, *, code: bool = False) -> str:
    """`text` as Markdown that means nothing but itself, within a table's cell."""
    joined = " ".join(text.replace("\f", " ").split()).replace("|", "\\|")
    return joined if code else joined.replace("<", "&lt;").replace("*", "\\*").replace("[", "\\[")


GENERATED: dict[str, Callable[[], str]] = {"cli": cli, "api": api}
