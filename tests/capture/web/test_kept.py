"""What is kept for a while: made by one, and nobody else waits for it."""

from __future__ import annotations

import threading

import pytest

from capture.clock import SystemClock
from capture.web.desk import Kept

LONG_S = 30.0


def test_while_one_makes_a_value_anew_others_get_the_one_before() -> None:
    kept = Kept(SystemClock())
    assert kept.get("board", LONG_S, lambda: "old") == "old"
    begun, made = threading.Event(), threading.Event()

    def slowly() -> str:
        begun.set()
        assert made.wait(LONG_S)
        return "new"

    maker = threading.Thread(target=lambda: kept.get("board", -1.0, slowly))
    maker.start()
    assert begun.wait(LONG_S)
    assert kept.get("board", -1.0, lambda: "never") == "old"
    made.set()
    maker.join(LONG_S)
    assert kept.get("board", LONG_S, lambda: "never") == "new"


def test_what_is_forgotten_is_made_anew() -> None:
    kept = Kept(SystemClock())
    kept.get("board", LONG_S, lambda: "old")
    kept.forget()
    assert kept.get("board", LONG_S, lambda: "new") == "new"


def test_a_value_that_cannot_be_made_is_tried_again() -> None:
    kept = Kept(SystemClock())
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            kept.get("board", LONG_S, lambda: 1 // 0)
    assert kept.get("board", LONG_S, lambda: 7) == 7
