"""The only file that speaks through Apprise: a message to one URL, by a deadline in the machine's time."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from capture.clock import stopwatch
from capture.errors import NotTold
from capture.redacting import without

DEADLINE_S = 60.0
_LOOKS_EVERY_S = 0.2
_TELLING = ("WARNING", "ERROR", "CRITICAL")
# A stop waits so long for a message under way, so that it is not sent again at the next start.
_AFTER_A_STOP_S = 5.0
# They show or write what they are told on this machine, where nobody looks.
_OF_THIS_MACHINE = ("dbus", "glib", "gio", "gnome", "kde", "qt", "macosx", "windows", "syslog")


@dataclass(frozen=True)
class Message:
    """What somebody is told: plain text, or HTML with its file beside it."""

    title: str
    body: str
    is_html: bool = False
    attachment: Path | None = None


class Sender(Protocol):
    """Takes messages to their addresses."""

    def send(self, url: str, message: Message, over: Callable[[], bool]) -> None:
        """Take a message there; give up soon when `over` says so. Raises NotTold."""


class AppriseSender:
    """Sends through Apprise, on a thread that is left behind when it is late. One thread at a time a URL."""

    def __init__(self, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self._busy: dict[str, threading.Thread] = {}

    def send(self, url: str, message: Message, over: Callable[[], bool] = lambda: False) -> None:
        """See Sender."""
        earlier = self._busy.get(url)
        if earlier is not None and earlier.is_alive():
            raise NotTold("an earlier message to it has not come to its end")
        outcome: list[str] = []
        thread = threading.Thread(
            target=lambda: outcome.append(_sent(url, message)), name="a message", daemon=True
        )
        self._busy[url] = thread
        thread.start()
        elapsed_s, stopped_at_s = stopwatch(), None
        while thread.is_alive() and elapsed_s() < self._deadline_s:
            thread.join(_LOOKS_EVERY_S)
            if stopped_at_s is None and over():
                stopped_at_s = elapsed_s()
            if stopped_at_s is not None and elapsed_s() - stopped_at_s > _AFTER_A_STOP_S:
                break
        if not outcome:
            raise NotTold(f"it has not taken the message within {elapsed_s():.0f} s")
        if outcome[0]:
            raise NotTold(outcome[0])


def understood(url: str) -> bool:
    """Whether Apprise knows what to do with the URL."""
    return scheme_of(url) not in ("", *_OF_THIS_MACHINE) and _box(url) is not None


def scheme_of(url: str) -> str:
    """What the URL begins with, in small letters: all of it that is no secret; empty for no URL."""
    scheme, found, _ = url.partition("://")
    return scheme.lower() if found and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme) else ""


def secrets_of(url: str) -> set[str]:
    """All parts of a URL that may be secret: all but its scheme, and a mail server's name."""
    place, _, query = url.partition("://")[2].partition("?")
    # Not every service's URL is one that urllib takes apart: a token may stand where a port would.
    words = {url, place, *re.split(r"[/:@]", place), *(pair.partition("=")[2] for pair in query.split("&"))}
    if scheme_of(url) in ("mailto", "mailtos"):
        # Without it nobody could mend anything.
        words -= {re.split(r"[/:]", place.rpartition("@")[2])[0]}
    return words


def _sent(url: str, message: Message) -> str:
    """Send; return why it failed, without the URL's secrets, or nothing."""
    try:
        why = _why_not(url, message)
    except Exception as error:
        # A plugin's own faults are no reason for a message to be lost.
        why = f"{type(error).__name__}: {error}"
    return without(why, secrets_of(url))


def _why_not(url: str, message: Message) -> str:
    import apprise  # noqa: PLC0415  many plugins, and only who tells somebody needs them

    box = _box(url)
    if box is None:
        return "Apprise does not understand its URL"
    result = box.notify(
        title=message.title,
        body=message.body,
        body_format=apprise.NotifyFormat.HTML if message.is_html else apprise.NotifyFormat.TEXT,
        attach=None if message.attachment is None else str(message.attachment),
    )
    if result:
        return ""
    said = [entry.message for one in result.results for entry in one.logs() if entry.level in _TELLING]
    return "; ".join(dict.fromkeys(said)) or "Apprise does not say why"


def _box(url: str) -> Any:
    """Apprise with that URL alone; None where it does not understand it."""
    import apprise  # noqa: PLC0415

    # What it logs may hold a URL: it goes nowhere but into what we make of its result.
    logging.getLogger("apprise").propagate = False
    asset = apprise.AppriseAsset(
        app_id="nightcal", app_desc="nightcal", app_url="", async_mode=False, storage_mode="memory"
    )
    box = apprise.Apprise(asset=asset)
    return box if box.add(url) and len(box) == 1 else None
