"""The night's timeline: the Sun, the roof, the safety devices and every exposure over one axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from markupsafe import Markup

from capture.frame import Kind
from capture.journal import Entry
from capture.night.report.facts import NightFacts
from capture.night.report.svg import Child, Scale, document, shortened, tag
from capture.night.report.words import count
from capture.site import Site, Window
from capture.store.rows import FrameRow, RunRow

_SAMPLE = timedelta(minutes=5)
_MARGIN = timedelta(minutes=25)
_SUN_TOP_DEG, _SUN_BOTTOM_DEG = 8.0, -24.0
# The Sun's altitude at which each kind of sky begins, brightest first.
SKIES = (("day", 0.0), ("civil twilight", -6.0), ("nautical twilight", -12.0),
         ("astronomical twilight", -18.0), ("night", -90.0))  # fmt: skip
# Kinds differ in height as well as in colour.
_HEIGHTS = {Kind.FLAT: 1.0, Kind.LIGHT: 1.0, Kind.DARK: 0.66, Kind.BIAS: 0.36}
_TEXT_PX = 7.0


@dataclass(frozen=True)
class Layout:
    """Sizes in pixels of the image's own coordinates; `wide` for a desk, `narrow` for a phone."""

    name: str
    width: float
    gutter: float
    label_length: int
    hours: tuple[int, ...]

    @property
    def most_ticks(self) -> int:
        return int((self.width - self.gutter) / 52)


WIDE = Layout("wide", 1160, 112, 15, (1, 2, 3, 6))
NARROW = Layout("narrow", 380, 66, 8, (1, 2, 3, 4, 6))

_SUN_Y, _SUN_HEIGHT = 10.0, 116.0
_LANE_HEIGHT, _RIG_HEIGHT = 30.0, 58.0


@dataclass(frozen=True)
class State:
    """What a lane says between two times."""

    start: datetime
    end: datetime
    value: str


class Timeline:
    """Draws one timeline; made anew for each layout."""

    def __init__(self, facts: NightFacts, layout: Layout) -> None:
        self._facts = facts
        self._layout = layout
        self._samples = sun_samples(facts.site, facts.span)
        self._shown = shown_span(facts, self._samples)
        right = layout.width - 8
        self._x = Scale(0.0, self._shown.duration_s, layout.gutter, right)
        self._lanes_y = _SUN_Y + _SUN_HEIGHT + 12
        self._axis_y = self._lanes_y + 2 * _LANE_HEIGHT + max(1, len(facts.rigs)) * _RIG_HEIGHT + 4

    def draw(self) -> Markup:
        """The whole image."""
        known = min(self._shown.end, self._facts.now)
        roof = states(self._facts, "roof", "state", known)
        safety = states(self._facts, "safety", "safe", known)
        children: list[Child] = [
            *self._skies(),
            *self._sun(),
            *self._lane(0, "Roof", roof, full=("open",)),
            *self._lane(1, "Weather", safety, full=("unsafe",)),
        ]
        for number, rig in enumerate(self._facts.rigs):
            children += self._rig(rig, self._lanes_y + 2 * _LANE_HEIGHT + number * _RIG_HEIGHT)
        if not self._facts.rigs:
            y = self._lanes_y + 2 * _LANE_HEIGHT + _RIG_HEIGHT / 2
            children.append(tag("text", "no exposures", x=self._layout.gutter + 8, y=y, class_="faint"))
        label = f"Timeline of the night {self._facts.night} at {self._facts.site.name}"
        children += self._axis()
        return document(
            self._layout.width, self._axis_y + 48, label, *children, class_=f"timeline {self._layout.name}"
        )

    def _at(self, when: datetime) -> float:
        inside = min(max(when, self._shown.start), self._shown.end)
        return self._x((inside - self._shown.start).total_seconds())

    def _skies(self) -> list[Markup]:
        """Bands of day, twilight and night behind everything."""
        bands: list[Markup] = []
        edges = [self._shown.start, *self._crossings(), self._shown.end]
        for start, end in pairwise(edges):
            altitude = self._facts.site.sun_altitude_deg(start + (end - start) / 2)
            name = next(name for name, lowest in SKIES if altitude >= lowest)
            left, right = self._at(start), self._at(end)
            bands.append(
                tag(
                    "rect",
                    tag("title", name),
                    x=left,
                    y=_SUN_Y,
                    width=right - left,
                    height=self._axis_y - _SUN_Y,
                    class_=f"sky {name.split()[0]}",
                )
            )
        return bands

    def _crossings(self) -> list[datetime]:
        """When the Sun passes from one kind of sky to another, in order."""
        found = []
        for (t, altitude), (_, later) in pairwise(self._samples):
            for _, edge in SKIES[:-1]:
                if (altitude >= edge) != (later >= edge):
                    found.append(t + _SAMPLE * ((altitude - edge) / (altitude - later)))
        return sorted(t for t in found if t in self._shown)

    def _sun(self) -> list[Markup]:
        """The Sun's altitude where it matters to us, from day to night; its lowest point in words."""
        y = Scale(_SUN_TOP_DEG, _SUN_BOTTOM_DEG, _SUN_Y, _SUN_Y + _SUN_HEIGHT)
        left, right = self._layout.gutter, self._layout.width - 8
        parts = [self._label("Sun", y(_SUN_TOP_DEG) + 12)]
        for altitude in (0, -6, -12, -18):
            text = f"{altitude}\u00b0".replace("-", "\u2212")
            at = y(altitude)
            parts.append(tag("line", x1=left, x2=right, y1=at, y2=at, class_="grid"))
            parts.append(tag("text", text, x=left - 6, y=at + 4, text_anchor="end", class_="tick"))
        shown = [(t, altitude) for t, altitude in self._samples if t in self._shown]
        for piece in visible_pieces(shown):
            points = " ".join(f"{self._at(t):.1f},{y(altitude):.1f}" for t, altitude in piece)
            parts.append(tag("polyline", points=points, class_="sun"))
        when, lowest = min(shown, key=lambda sample: sample[1])
        text = f"lowest {lowest:.0f}\u00b0 at {when:%H:%M}".replace("-", "\u2212")
        x = min(max(self._at(when), left + 70), right - 70)
        above = y(max(lowest, _SUN_BOTTOM_DEG)) - 10
        parts.append(tag("text", text, x=x, y=above, text_anchor="middle", class_="faint"))
        return parts

    def _label(self, text: str, y: float, class_: str = "lane-name") -> Markup:
        short = shortened(text, self._layout.label_length + (2 if class_ == "faint" else 0))
        return tag("text", tag("title", text), short, x=4, y=y, class_=class_)

    def _lane(self, number: int, name: str, found: Sequence[State], full: Sequence[str]) -> list[Markup]:
        """States as bars, tall for those in `full`, so that colour is never the only sign."""
        top = self._lanes_y + number * _LANE_HEIGHT
        bottom = top + _LANE_HEIGHT - 7
        parts = [self._label(name, bottom - 5), self._line(bottom)]
        if not found:
            text = "no report"
            parts.append(tag("text", text, x=self._layout.gutter + 8, y=bottom - 6, class_="faint"))
        for state in found:
            left, width = self._at(state.start), self._at(state.end) - self._at(state.start)
            if width <= 0:
                continue
            height = _LANE_HEIGHT - 10 if state.value in full or state.value == "fault" else 6.0
            told = f"{name}: {state.value}, {state.start:%H:%M} to {state.end:%H:%M} UTC"
            word = state.value if state.value in _STATE_CLASSES else "unknown"
            parts.append(
                tag(
                    "rect",
                    tag("title", told),
                    x=left,
                    y=bottom - height,
                    width=max(width, 1.5),
                    height=height,
                    class_=f"state {word}",
                )
            )
            if width > _TEXT_PX * len(state.value) + 10 and state.value not in ("opening", "closing"):
                inside = height > 10
                y = bottom - 6 if inside else bottom - 10
                class_ = f"state-name on-{word}" if inside else "state-name"
                parts.append(tag("text", state.value, x=left + 6, y=y, class_=class_))
        return parts

    def _line(self, y: float) -> Markup:
        return tag("line", x1=self._layout.gutter, x2=self._layout.width - 8, y1=y, y2=y, class_="grid")

    def _rig(self, rig: str, top: float) -> list[Markup]:
        frames = self._facts.of_rig(rig)
        base = top + 38
        parts = [
            self._label(rig, base - 14),
            self._label(count(len(frames), "frame"), base + 3, "faint"),
            self._line(base),
        ]
        parts += [self._frame(frame, base) for frame in frames]
        parts += [self._rejected(frame, base) for frame in frames if not frame.good]
        for run in self._facts.runs:
            if run.rig == rig:
                parts += self._run(run, base)
        return parts

    def _frame(self, frame: FrameRow, base: float) -> Markup:
        end = frame.taken + timedelta(seconds=frame.facts.exposure_s)
        left = self._at(frame.taken)
        height = 26 * _HEIGHTS[frame.kind]
        class_ = f"frame {frame.kind.value}" + ("" if frame.good else " bad")
        width = max(1.2, self._at(end) - left)
        return tag("rect", x=left, y=base - height, width=width, height=height, class_=class_)

    def _rejected(self, frame: FrameRow, base: float) -> Markup:
        x, y = self._at(frame.taken), base - 33
        told = f"{frame.spec} at {frame.taken:%H:%M:%S} UTC: {frame.verdict}"
        path = f"M{x - 3:.1f} {y - 3:.1f}l6 6m0 -6l-6 6"
        return tag("path", tag("title", told), d=path, class_="reject")

    def _run(self, run: RunRow, base: float) -> list[Markup]:
        end = run.ended or min(self._facts.now, self._facts.span.end)
        left, right = self._at(run.started), max(self._at(end), self._at(run.started) + 2)
        y = base + 5
        told = f"{run.sequence}, {run.started:%H:%M} to {end:%H:%M} UTC: {run.outcome or 'no outcome'}"
        parts = [tag("path", tag("title", told), d=f"M{left:.1f} {y:.1f}H{right:.1f}", class_="run")]
        name = run.sequence.replace("_", " ")
        if right - left > _TEXT_PX * len(name):
            parts.append(tag("text", name, x=left, y=y + 12, class_="run-name"))
        return parts

    def _axis(self) -> list[Markup]:
        """UTC and, below it, the site's own clock; ticks at whole hours of UTC."""
        span_h, y = self._shown.duration_s / 3600, self._axis_y
        step = next((h for h in self._layout.hours if span_h / h <= self._layout.most_ticks), 12)
        tick = self._shown.start.replace(minute=0, second=0, microsecond=0)
        zone = shortened(self._zone(), self._layout.label_length)
        parts = [
            tag("text", "UTC", x=4, y=y + 18, class_="axis-name"),
            tag("text", zone, x=4, y=y + 36, class_="axis-name"),
        ]
        while tick <= self._shown.end:
            if tick >= self._shown.start and tick.hour % step == 0:
                x, local = self._at(tick), self._facts.site.local(tick)
                parts.append(tag("line", x1=x, x2=x, y1=_SUN_Y, y2=y + 5, class_="grid"))
                for below, when, class_ in ((18, tick, "tick"), (36, local, "tick faint")):
                    text = f"{when:%H:%M}"
                    parts.append(tag("text", text, x=x, y=y + below, class_=class_, text_anchor="middle"))
            tick += timedelta(hours=1)
        return parts

    def _zone(self) -> str:
        name = self._facts.site.local(self._shown.start + (self._shown.end - self._shown.start) / 2).tzname()
        return f"local {name}" if name and self._layout is WIDE else (name or "local")


_STATE_CLASSES = ("open", "shut", "opening", "closing", "fault", "safe", "unsafe")


def sun_samples(site: Site, span: Window) -> list[tuple[datetime, float]]:
    """The Sun's altitude over a span, every five minutes."""
    count = int(span.duration_s // _SAMPLE.total_seconds()) + 1
    times = [span.start + number * _SAMPLE for number in range(count)]
    return [(t, site.sun_altitude_deg(t)) for t in times]


def visible_pieces(samples: Sequence[tuple[datetime, float]]) -> list[list[tuple[datetime, float]]]:
    """The parts of the Sun's curve between the top and the bottom of its panel, cut at its edges."""
    pieces: list[list[tuple[datetime, float]]] = []
    inside = False
    for (t, altitude), (after, later) in pairwise(samples):
        cuts = [0.0, 1.0]
        for edge in (_SUN_TOP_DEG, _SUN_BOTTOM_DEG):
            if (altitude > edge) != (later > edge):
                cuts.append((altitude - edge) / (altitude - later))
        for start, end in pairwise(sorted(cuts)):
            middle = altitude + (start + end) / 2 * (later - altitude)
            if not _SUN_BOTTOM_DEG <= middle <= _SUN_TOP_DEG:
                inside = False
                continue
            ends = [(t + (after - t) * part, altitude + part * (later - altitude)) for part in (start, end)]
            if inside:
                pieces[-1].append(ends[1])
            else:
                pieces.append(ends)
            inside = True
    return pieces


def shown_span(facts: NightFacts, samples: Sequence[tuple[datetime, float]]) -> Window:
    """From before sunset, or the first thing done, until after sunrise, or the last; never more than noon
    to noon. Where the Sun does not set and nothing was done: noon to noon.
    """
    dark = [t for t, altitude in samples if altitude < 2]
    done = [frame.taken for frame in facts.frames]
    done += [frame.taken + timedelta(seconds=frame.facts.exposure_s) for frame in facts.frames]
    done += [entry.time for entry in facts.entries if entry.kind in ("roof", "safety")]
    times = dark + done
    if not dark or not times:
        return facts.span
    start, end = min(times) - _MARGIN, max(times) + _MARGIN
    return Window(max(facts.span.start, start), min(facts.span.end, end))


def states(facts: NightFacts, kind: str, key: str, known: datetime) -> list[State]:
    """What entries of `kind` said by `key`, from one to the next; up to `known`, the last that is known."""
    said = [
        (entry.time, _word(entry, key)) for entry in (*facts.earlier, *facts.entries) if entry.kind == kind
    ]
    ends = [t for t, _ in said[1:]] + [known]
    found = [State(max(t, facts.span.start), min(end, known), word)
             for (t, word), end in zip(said, ends, strict=False)]  # fmt: skip
    return [state for state in found if state.end > state.start]


def _word(entry: Entry, key: str) -> str:
    value = entry.data.get(key)
    if isinstance(value, bool):
        return "safe" if value else "unsafe"
    return value if isinstance(value, str) else "unknown"
