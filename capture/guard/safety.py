"""Is it safe? Only after a fresh, well-formed yes from every device that is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from capture.alpaca.devices import ObservingConditions, SafetyMonitor, optional
from capture.errors import DeviceError
from capture.guard.orders import Connectable, reconnect_if_lost

OLDEST_WEATHER_S = 300.0
# How old the station's reading is need not be asked at every look: it is allowed to age for minutes.
_ASK_AGE_EVERY = 10


class Safety:
    """The site's safety devices, with a memory of one: a device unreachable once keeps its last word,
    unreachable twice it is unsafe. `in_doubt`: whether the last answer is remembered; ask again soon.
    """

    def __init__(self, monitors: Sequence[SafetyMonitor], weather: ObservingConditions | None) -> None:
        self._questions: list[tuple[str, Callable[[], str | None]]] = [
            (monitor.line.device, _monitor_question(monitor)) for monitor in monitors
        ]
        self._devices: dict[str, Connectable] = {monitor.line.device: monitor for monitor in monitors}
        if weather is not None:
            self._questions.append((weather.line.device, _weather_question(weather)))
            self._devices[weather.line.device] = weather
        self._last: dict[str, str | None] = {}
        self._failed: set[str] = set()
        self.in_doubt = False

    def read(self) -> tuple[str, ...]:
        """Ask everything once; return why it is unsafe, empty when it is safe."""
        self.in_doubt = False
        answers = [self._ask(name, question) for name, question in self._questions]
        return tuple(answer for answer in answers if answer is not None)

    def _ask(self, name: str, question: Callable[[], str | None]) -> str | None:
        try:
            answer = question()
        except (DeviceError, TypeError, ValueError) as error:  # what is no number is no answer
            first_failure = name not in self._failed
            self._failed.add(name)
            if isinstance(error, DeviceError):
                reconnect_if_lost(self._devices[name], error)
            if first_failure and name in self._last:
                self.in_doubt = True
                return self._last[name]
            return f"no answer about safety: {error}"
        self._failed.discard(name)
        self._last[name] = answer
        return answer


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


def _weather_question(weather: ObservingConditions) -> Callable[[], str | None]:
    looks_left = 0

    def ask() -> str | None:
        nonlocal looks_left
        if looks_left == 0:
            age_s = optional(lambda: weather.TimeSinceLastUpdate(""))
            if age_s is not None and not 0 <= age_s <= OLDEST_WEATHER_S:
                return f"the weather station's last reading is {age_s:.0f} s old"
            looks_left = _ASK_AGE_EVERY
        looks_left -= 1
        rain = optional(lambda: weather.RainRate)
        return f"it rains ({rain:g} mm/h)" if rain else None

    return ask
