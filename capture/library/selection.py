"""Which frames of a set go into its next master: the gates applied, what fails them set aside for good."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath

from capture.errors import StoreError
from capture.frame import Kind
from capture.journal import Journal
from capture.library.gates import Floats, Reference, sample_of, sample_of_file, unfit
from capture.library.sources import FileSource
from capture.store.archive import Archive
from capture.store.fits_bands import PixelReader
from capture.store.rows import FrameRow, MasterRow

WHO = "the gates of the library"


@dataclass(frozen=True)
class Selected:
    """The frames that are fit, and in words, for the master's header, what was done to find them."""

    frames: list[FrameRow]
    said: tuple[str, ...] = ()


def select(archive: Archive, journal: Journal, frames: Sequence[FrameRow], max_age_days: float) -> Selected:
    """Judge the frames of one set by the gates; those that fail are set aside and named, with the reason.

    The last master to compare with is a valid one of frames not older than `max_age_days`; without one the
    set begins anew, which is said. Raises CombineError when a frame's file is damaged, or most of the set is
    unlike the last master; StoreError when the catalogue cannot be written.
    """
    reference = _reference(archive, frames[-1], max_age_days)
    bias_row = bias_of(archive, frames[-1])
    bias = None if bias_row is None else _sampled(archive, bias_row, frames[-1].shape)
    with ExitStack() as stack:
        sources = [stack.enter_context(FileSource(archive.path_of(frame), frame)) for frame in frames]
        why = unfit(frames, [sample_of(source) for source in sources], bias, reference)
    # What somebody gave back, with a reason, is not taken again by a rule.
    given_back = archive.catalogue.quarantine.released(list(why)) if why else set()
    why = {number: reason for number, reason in why.items() if number not in given_back}
    said = [
        "No earlier master to compare the frames with."
        if reference is None
        else f"Frames were compared with {reference.name}."
    ]
    left_out = [frame for frame in frames if frame.id in why]
    if left_out:
        rig, text = left_out[0].rig, f"{len(left_out)} of {len(frames)} frames failed the gates"
        archive.catalogue.quarantine.set_aside_frames(rig, why, archive.clock.now(), WHO, text)
    for frame in left_out:
        name = PurePosixPath(frame.path).name
        said.append(f"Left out: {name}: {why[frame.id]}.")
        journal.say(
            "library", "refused", f"{frame.rig}: {name} is left out: {why[frame.id]}",
            rig=frame.rig, path=frame.path,
        )  # fmt: skip
    return Selected([frame for frame in frames if frame.id not in why], tuple(said))


def bias_of(archive: Archive, frame: FrameRow) -> MasterRow | None:
    """The newest master bias that a frame's bias is like, whatever its temperature."""
    spec = frame.spec
    settings = (spec.binning, spec.gain, spec.offset, spec.readout_mode)
    if spec.kind is Kind.BIAS:
        return None
    for row in archive.catalogue.masters(rig=frame.rig, valid=True):
        theirs = (row.spec.binning, row.spec.gain, row.spec.offset, row.spec.readout_mode)
        if row.spec.kind is Kind.BIAS and theirs == settings and row.camera == frame.facts.camera:
            return row
    return None


def _reference(archive: Archive, frame: FrameRow, max_age_days: float) -> Reference | None:
    since = archive.clock.now() - timedelta(days=max_age_days)
    for row in archive.catalogue.masters(rig=frame.rig, spec=frame.spec.set_key(), valid=True):
        if row.camera == frame.facts.camera and row.newest_input >= since:
            pixels = _sampled(archive, row, frame.shape)
            return None if pixels is None else Reference(PurePosixPath(row.path).name, pixels)
    return None


def _sampled(archive: Archive, row: MasterRow, shape: tuple[int, int]) -> Floats | None:
    """None of a file that cannot be read or is of another size: what needs it says so when it combines."""
    try:
        with PixelReader(archive.path_of(row)) as reader:
            return sample_of_file(reader) if reader.shape == shape else None
    except StoreError:
        return None
