"""What each member has asked for this month, and how much that may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time

from capture.config import MembersConfig
from capture.errors import BadInput
from capture.store.archive import Archive
from capture.store.requests import RequestRow

_GIGABYTE = 1_000_000_000


@dataclass(frozen=True)
class Use:
    """So many frames, hours of exposure, and bytes."""

    frames: int
    hours: float
    size_bytes: int

    @classmethod
    def most(cls, rules: MembersConfig) -> Use:
        """What a month allows."""
        return cls(rules.frames_per_month, rules.hours_per_month, int(rules.gigabytes_per_month * _GIGABYTE))


def use_of(archive: Archive, who: str, now: datetime) -> Use:
    """What a member has asked for since the month began at the site.

    Of a request that was cancelled or refused, what had been taken by then.
    """
    local = archive.site.local(now)
    begins = datetime.combine(local.date().replace(day=1), time(), local.tzinfo).astimezone(UTC)
    used = Use(0, 0.0, 0)
    for row in archive.catalogue.requests.all(who=who, since=begins):
        count = _counts(row)
        used = Use(
            used.frames + count,
            used.hours + count * row.spec.exposure_s / 3600,
            used.size_bytes + count * row.frame_bytes,
        )
    return used


def check_quotas(used: Use, more: Use, most: Use) -> None:
    """Raises BadInput, with what is left, when `more` would be too much this month."""
    gigabytes = [one.size_bytes / _GIGABYTE for one in (used, more, most)]
    for what, (before, wanted, limit), form in (
        ("frames", (used.frames, more.frames, most.frames), "{:.0f}"),
        ("hours of exposure", (used.hours, more.hours, most.hours), "{:.1f}"),
        ("GB", gigabytes, "{:.1f}"),
    ):
        if before + wanted > limit:
            left = form.format(max(0.0, limit - before))
            raise BadInput(
                f"this asks for {form.format(wanted)} {what}, and of this month's {form.format(limit)} there "
                f"are {left} left; ask for fewer, or next month"
            )


def _counts(row: RequestRow) -> int:
    return row.count if row.state.open else row.good
