"""Tests that live in simulated time."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from capture.clock import Clock


def as_worker(test: Callable[..., None]) -> Callable[..., None]:
    """Run the body of a test as a worker of its `clock`, so that it may sleep there as who it tests does."""

    @wraps(test)
    def run(*itself: object, **fixtures: Any) -> None:
        clock: Clock = fixtures["clock"]
        clock.run(lambda: test(*itself, **fixtures))

    return run
