"""What a new master of a set has that the one before had not: said in its header and in the journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from capture.store.rows import FrameRow, MasterRow


@dataclass(frozen=True)
class Succession:
    """The master that another takes the place of, and how many frames are `new` or `left_out`."""

    before: MasterRow
    new: int
    left_out: int

    @classmethod
    def of(cls, masters: Sequence[MasterRow], frames: Sequence[FrameRow]) -> Succession | None:
        """From all masters of the set of `frames`, newest first; None when none is of the camera."""
        before = next((row for row in masters if row.camera == frames[-1].facts.camera), None)
        if before is None:
            return None
        new = sum(frame.id not in before.inputs for frame in frames)
        return cls(before, new, before.count - (len(frames) - new))

    @property
    def name(self) -> str:
        """The file name of the master before."""
        return PurePosixPath(self.before.path).name

    def __str__(self) -> str:
        said = f"{self.new} of its frames are new"
        if self.left_out:
            said += f", {self.left_out} of the master before are no longer used"
        return said
