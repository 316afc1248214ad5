"""What the terminal shows: the journal as it grows, tables, and errors as one clear sentence."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Container, Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from capture.journal import Entry, Listener
from capture.redacting import redacted


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Rich would end the thread that prints, and that may be the guard's."""
        self.quiet = True
        _print_to_nowhere()


# Where the output is no terminal, a table keeps its lines whole.
console = _Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)
errors = _Console(stderr=True, highlight=False, soft_wrap=True)

_STYLES = {"alarm": "bold red", "roof": "cyan", "safety": "yellow", "master": "green", "run": "bold"}
_QUIET = {"lease"}


def journal_printer(*, as_json: bool) -> Listener:
    """A listener that prints each entry: UTC, who, what; or one JSON object a line."""

    def print_json(entry: Entry) -> None:
        head = {
            "time": entry.time.isoformat(),
            "source": entry.source,
            "kind": entry.kind,
            "text": entry.text,
        }
        try:
            sys.stdout.write(json.dumps(head | entry.data, default=str) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            _print_to_nowhere()

    def print_line(entry: Entry) -> None:
        if entry.kind in _QUIET:
            return
        style = _STYLES.get(entry.kind, "")
        if entry.kind == "frame":
            style = "" if entry.data.get("good") else "magenta"
        line = Text(f"{entry.time:%H:%M:%S}  ", style="dim")
        line.append(f"{entry.source:<8} ", style="bold")
        line.append(entry.text, style=style)
        console.print(line)

    return print_json if as_json else print_line


def show_table(
    title: str,
    columns: Iterable[str],
    rows: Iterable[Iterable[object]],
    text_columns: Container[int] = (0,),
) -> None:
    """Print a table; cells are shown as text, markup in them has no meaning. Text stands left."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number in text_columns else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console.print(table)


def show_json(value: object) -> None:
    """Print `value` as indented JSON; dates and paths become text."""
    sys.stdout.write(json.dumps(value, default=str, indent=2) + "\n")


def _print_to_nowhere() -> None:
    """Whoever read our output is gone; what is printed from now on vanishes without an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def complain(text: str) -> None:
    """One sentence on stderr, without passwords that stand in addresses."""
    errors.print(Text("nightcal: " + redacted(text)))
