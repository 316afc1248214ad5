"""The rig's focuser: each filter at its own focus, so that dust casts the same shadows as in the lights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from capture.alpaca.devices import Focuser, optional
from capture.clock import Clock
from capture.config import FocusConfig
from capture.errors import BadInput, DeviceError, DeviceTimeout, Interrupted
from capture.rig.patience import Patience

_DEADLINE_S = 120.0


class Focus:
    """An absolute focuser over Alpaca. Positions and offsets in its steps."""

    def __init__(
        self, rig: str, focuser: Focuser, config: FocusConfig, patience: Patience, clock: Clock
    ) -> None:
        self._rig = rig
        self._focuser = focuser
        self._config = config
        self._patience = patience
        self._clock = clock
        self._base: int | None = None

    def connect(self, filters: tuple[str, ...]) -> None:
        """Connect. Raises DeviceError; BadInput for a relative focuser, or an offset of no such filter."""
        self._focuser.open(self._clock, pause=self._patience.pause)
        if not self._focuser.Absolute:
            raise BadInput(
                f"{self._rig}: the focuser is relative and cannot be sent to a filter's focus; "
                f"take [rig.focus] out of the config"
            )
        for name in self._config.offsets:
            if name not in filters:
                there_are = " ".join(filters) or "none"
                raise BadInput(
                    f'[rig "{self._rig}".focus] offsets names the filter {name!r}; the wheel has {there_are}'
                )
        if self._config.position is not None:
            for filter_name in (None, *filters):
                self._require_there(self._config.position + self._offset(filter_name), filter_name)

    def _require_there(self, position: int, filter_name: str | None) -> None:
        last = self._focuser.MaxStep
        if not 0 <= position <= last:
            raise BadInput(
                f"{self._rig}: the focus of {filter_name or 'the camera'} would be at {position}, "
                f"but the focuser goes from 0 to {last}; mend [rig.focus]"
            )

    def _offset(self, name: str | None) -> int:
        return self._config.offsets.get(name, 0) if name is not None else 0

    @contextmanager
    def held(self, filter_name: str | None) -> Iterator[None]:
        """Within this block the focuser moves for filters only: its temperature compensation is off.

        Where no position is configured, the one it is found at is taken for the focus of `filter_name`.
        """
        focuser = self._focuser
        configured = self._config.position
        self._base = configured if configured is not None else focuser.Position - self._offset(filter_name)
        compensates = bool(optional(lambda: focuser.TempCompAvailable)) and focuser.TempComp
        if compensates:
            focuser.TempComp = False
        try:
            yield
        finally:
            self._base = None
            if compensates:
                with suppress(DeviceError):
                    focuser.TempComp = True

    def focus(self, filter_name: str | None) -> None:
        """Go to the filter's focus; nothing to do outside `held`.

        Raises BadInput for a position that there is not, DeviceTimeout when it does not arrive.
        """
        if self._base is None:
            return
        target, focuser = self._base + self._offset(filter_name), self._focuser
        if focuser.Position == target:
            return
        self._require_there(target, filter_name)
        try:
            while focuser.Position != target:
                self._move(target)
        except (Interrupted, DeviceTimeout):
            with suppress(DeviceError):
                focuser.Halt()
            raise

    def _move(self, target: int) -> None:
        """One move of at most the longest increment."""
        focuser = self._focuser
        here, longest = focuser.Position, max(1, int(focuser.MaxIncrement))
        goal = max(here - longest, min(here + longest, target))
        focuser.Move(goal)
        self._patience.wait(
            f"the focuser's way to {goal}",
            lambda: not focuser.IsMoving and focuser.Position == goal,
            _DEADLINE_S,
        )

    def close(self) -> None:
        """Drop our connection."""
        self._focuser.close()
