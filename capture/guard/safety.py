"""Is it safe? Only after a fresh, well-formed yes from every device that is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from capture.alpaca.devices import ObservingConditions, SafetyMonitor, optional
from capture.clock import Clock, Signal, Worker
from capture.errors import DeviceError
from capture.guard.orders import Connectable, reconnect_if_lost

OLDEST_WEATHER_S = 300.0
# How old the station's reading is need not be asked at every look, but when it may have become too old.
_ASK_AGE_EVERY = 10
# Two calls, each in the guard's own deadline.
_LONGEST_S = 4.0
_RANK = 11


class Safety:
    """The site's safety devices, each asked by a worker of its own: one that hangs delays no other's word.

    A device unreachable once keeps its last word, unreachable twice it is unsafe. `in_doubt`: whether the
    last answer is remembered; ask again soon.
    """

    def __init__(
        self, monitors: Sequence[SafetyMonitor], weather: ObservingConditions | None, clock: Clock
    ) -> None:
        self._clock = clock
        self._news = clock.signal()
        self._askers = [
            _Asker(monitor.line.device, monitor, _monitor_question(monitor), clock, self._news)
            for monitor in monitors
        ]
        if weather is not None:
            question = _weather_question(weather, clock)
            self._askers.append(_Asker(weather.line.device, weather, question, clock, self._news))
        self._workers: list[Worker] = []
        self.in_doubt = False

    def read(self) -> tuple[str, ...]:
        """Ask everything once; return why it is unsafe, empty when it is safe.

        At once when one device speaks of danger, whatever the others do; else when all have spoken, or after
        4 s. Within a worker.
        """
        if not self._workers:
            self._workers = [
                self._clock.spawn(asker.run, f"asking {asker.device}", _RANK) for asker in self._askers
            ]
        for asker in self._askers:
            asker.begin()
        deadline = self._clock.monotonic() + _LONGEST_S
        while True:
            self._news.clear()
            left_s = deadline - self._clock.monotonic()
            settled = all(asker.has_answered for asker in self._askers)
            if settled or left_s <= 0 or any(asker.sees_danger for asker in self._askers):
                break
            self._news.wait(left_s)
        words = [asker.word(is_late=left_s <= 0) for asker in self._askers]
        self.in_doubt = any(asker.in_doubt for asker in self._askers)
        return tuple(word for word in words if word is not None)

    def close(self) -> None:
        """End the workers, and wait until none is in a call any more."""
        for asker in self._askers:
            asker.end()
        for worker in self._workers:
            worker.join()


class _Asker:
    """One device and its last word. `begin` has its worker ask; `word` is what is believed now."""

    def __init__(
        self, device: str, remote: Connectable, question: Callable[[], str | None], clock: Clock, news: Signal
    ) -> None:
        self.device = device
        self._remote = remote
        self._question = question
        self._news = news
        self._go = clock.signal()
        self._over = False
        self._asked = self._busy = False
        # Of this round: the answer, or why there is none.
        self._answer: str | None = None
        self._failure: str | None = None
        # Of earlier ones.
        self._known = self._failed = False
        self._last: str | None = None
        self.in_doubt = False

    @property
    def has_answered(self) -> bool:
        """Whether its worker is back, with an answer or without."""
        return not self._busy

    @property
    def sees_danger(self) -> bool:
        """Whether it has answered, and not well."""
        return not self._busy and self._failure is None and self._answer is not None

    def begin(self) -> None:
        """Ask, unless it still owes the answer to an earlier question."""
        if not self._busy:
            self._busy = self._asked = True
            self._go.set()

    def end(self) -> None:
        """Let the worker end."""
        self._over = True
        self._go.set()

    def run(self) -> None:
        """Ask whenever `begin` says so, until `end`."""
        while True:
            self._go.clear()
            if self._over:
                return
            if self._asked:
                self._asked = False
                self._ask()
                self._busy = False
                self._news.set()
            self._go.wait()

    def _ask(self) -> None:
        try:
            self._answer, self._failure = self._question(), None
        except (DeviceError, TypeError, ValueError) as error:  # what is no number is no answer
            self._answer, self._failure = None, str(error)
            if isinstance(error, DeviceError):
                reconnect_if_lost(self._remote, error)

    def word(self, *, is_late: bool) -> str | None:
        """Why it is unsafe by this device, None where it is safe. `is_late`: no answer yet is a failure."""
        self.in_doubt = False
        if self._busy and not is_late:
            return self._last
        failure = f"{self.device} has not answered for {_LONGEST_S:g} s" if self._busy else self._failure
        if failure is None:
            self._failed, self._known, self._last = False, True, self._answer
            return self._answer
        first, self._failed = not self._failed, True
        if first and self._known:
            self.in_doubt = True
            return self._last
        return f"no answer about safety: {failure}"


def _monitor_question(monitor: SafetyMonitor) -> Callable[[], str | None]:
    def ask() -> str | None:
        word = monitor.IsSafe
        if word is True:
            return None
        if word is not False:
            return f"the safety monitor said {word!r}"
        # A driver that was restarted says no more than that; whatever comes of asking, it is not safe.
        with suppress(DeviceError):
            if monitor.Connected is False:
                monitor.Connect()
                return "the safety monitor is not connected"
        return "the safety monitor says unsafe"

    return ask


def _weather_question(weather: ObservingConditions, clock: Clock) -> Callable[[], str | None]:
    looks_left = 0
    too_old_at = 0.0

    def ask() -> str | None:
        nonlocal looks_left, too_old_at
        now = clock.monotonic()
        if looks_left == 0 or now >= too_old_at:
            looks_left = 0
            age_s = optional(lambda: weather.TimeSinceLastUpdate(""))
            if age_s is not None and not 0 <= age_s <= OLDEST_WEATHER_S:
                return f"the weather station's last reading is {age_s:.0f} s old"
            looks_left = _ASK_AGE_EVERY
            # A station without an age is asked for it now and then all the same.
            too_old_at = now + OLDEST_WEATHER_S - age_s if age_s is not None else float("inf")
        looks_left -= 1
        rain = optional(lambda: weather.RainRate)
        return f"it rains ({rain:g} mm/h)" if rain else None

    return ask
