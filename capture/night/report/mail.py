"""The report as a mail's HTML: headings and lists alone, which every mail program shows, as text too."""

from __future__ import annotations

from capture.night.report import words
from capture.night.report.facts import NightFacts
from capture.night.report.page import environment, frames_of_run, rig_line

_MOST_ALARMS = 20


def mail_title(facts: NightFacts) -> str:
    """The night and how it went: `Ridge, 21 to 22 November 2026: All went well`."""
    return f"{facts.site.name}, {words.long_date(facts.night)}: {words.verdict(facts)[0]}"


def mail_html(facts: NightFacts, min_frames: int) -> str:
    """The night in short. `min_frames`: good frames that make a master."""
    return (
        environment()
        .get_template("mail.html")
        .render(
            facts=facts,
            verdict=words.verdict(facts)[0],
            sentence=words.sentence(facts),
            rigs=[rig_line(facts, rig) for rig in facts.rigs],
            runs=[(run, frames_of_run(facts, run.id)) for run in facts.runs],
            min_frames=min_frames,
            most=_MOST_ALARMS,
        )
    )
