"""Who is told of the nights: the crier beside the service, and the report of a night as a message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date

from capture.errors import StoreError
from capture.night.farm import Farm
from capture.night.report.facts import gather
from capture.night.report.mail import mail_html, mail_title
from capture.night.report.page import write_report
from capture.notices.apprising import AppriseSender, Message, Sender
from capture.notices.crier import Crier

REPORTS = "reports"
# Mail servers take no more.
_MOST_BYTES = 8_000_000
_RANK = 96


def report_message(farm: Farm, night: date) -> Message:
    """The night in short, and the whole report, kept in the archive's `reports`, beside it.

    Raises StoreError.
    """
    with suppress(StoreError):
        # What was said last waits there for a frame that may come next evening.
        next(iter(farm.runners.values())).writer.drain()
    facts = gather(farm.archive, night, ())
    path = write_report(
        farm.archive,
        night,
        farm.config.storage.folder / REPORTS / f"{night}.html",
        flat_tolerance=farm.config.rig[0].flats.tolerance,
        min_frames=farm.config.masters.min_frames,
    )
    attached = path if path.stat().st_size <= _MOST_BYTES else None
    body = mail_html(facts, farm.config.masters.min_frames)
    return Message(mail_title(facts), body, is_html=True, attachment=attached)


@contextmanager
def telling(farm: Farm, sender: Sender | None = None) -> Iterator[None]:
    """Tell persons of what happens within the `with`, where the config has [notify]. Within a worker.

    `sender`: another than Apprise. Raises BadInput for an address that cannot be used.
    """
    notify = farm.config.notify
    if notify is None:
        yield
        return
    crier = Crier(
        farm.config, notify, farm.archive, farm.journal.say, sender or AppriseSender(),
        lambda night: report_message(farm, night),
    )  # fmt: skip
    # What the guard found at the start is among what somebody must be told.
    farm.journal.listen(crier.hear, recent=True)
    farm.archive.listen(crier.hear)
    worker = farm.clock.spawn(crier.run, "crier", _RANK)
    try:
        yield
    finally:
        crier.end()
        worker.join()
