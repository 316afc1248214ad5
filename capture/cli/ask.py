"""Asking the running service, where there is one; and who asks."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from capture.config import Config
from capture.errors import BadInput
from capture.local_door import LocalCaller, Refused
from capture.night.control import door_folder

_ANSWERS_WITHIN_S = 10.0


def who() -> str:
    """Who types here, for those who read it later."""
    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return "unknown"


def ask_service(settings: Config, what: str, **more: object) -> dict[str, Any] | None:
    """The running service's answer; None where none runs. Raises BadInput with what it refuses."""
    caller = LocalCaller(door_folder(settings), _ANSWERS_WITHIN_S)
    try:
        return caller.ask(what, more)
    except Refused as refused:
        raise BadInput(str(refused)) from None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    finally:
        caller.hang_up()


def stream_of_service(settings: Config, what: str) -> Iterator[dict[str, Any]]:
    """Answers of the running service until it ends. Raises BadInput where none runs."""
    caller = LocalCaller(door_folder(settings), _ANSWERS_WITHIN_S)
    try:
        yield from caller.stream(what, {})
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(no_service(settings)) from None
    finally:
        caller.hang_up()


def no_service(settings: Config) -> str:
    """That no service answers, and what to do."""
    return f"no service answers for {settings.storage.folder}; start it with nightcal serve"
