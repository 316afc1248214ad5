"""SVG by hand: elements with everything escaped, scales, and ticks at round numbers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from markupsafe import Markup, escape

# Not allowed in XML 1.0, and nothing that a reader could see.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

Child = str | Markup


def clean(text: str) -> str:
    """`text` without what neither XML nor UTF-8 can carry; a replacement character stands for it."""
    return _UNPRINTABLE.sub("\ufffd", text)


def tag(name: str, *children: Child, **attributes: str | float | None) -> Markup:
    """An element. Plain strings are escaped, Markup is not; `class_` and `text_anchor` lose underscores."""
    written = [Markup(" {}=\"{}\"").format(_attribute(key), _value(value))
               for key, value in attributes.items() if value is not None]  # fmt: skip
    inside = Markup("").join(c if isinstance(c, Markup) else escape(clean(c)) for c in children)
    if not children:
        return Markup("<{}{}/>").format(Markup(name), Markup("").join(written))
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), Markup("").join(written), inside)


def document(width: float, height: float, label: str, *children: Child, class_: str) -> Markup:
    """An inline SVG image that scales with its column; `label` says to a screen reader what it shows."""
    return tag(
        "svg",
        tag("title", label),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        class_=class_,
    )


def shortened(text: str, longest: int) -> str:
    """`text` cut to so many characters, an ellipsis showing the cut."""
    return text if len(text) <= longest else text[: longest - 1] + "\u2026"


def number(value: float) -> str:
    """A coordinate, to a tenth of a pixel."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


@dataclass(frozen=True)
class Scale:
    """From data to pixels, in a straight line or by the logarithm."""

    low: float
    high: float
    start_px: float
    end_px: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return self.start_px + (at - low) / (high - low) * (self.end_px - self.start_px)


def round_ticks(low: float, high: float, about: int) -> list[float]:
    """About so many round numbers between two values."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(f * power for f in (1.0, 2.0, 5.0, 10.0) if f * power >= rough * 0.7)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(count * step, 10) for count in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each decade between two values; only the decades when that would be too many."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    wanted = (1, 2, 5) if math.log10(high / low) <= 3.2 else (1,)
    return [f * 10.0**d for d in decades for f in wanted if low * 0.999 <= f * 10.0**d <= high * 1.001]


def _attribute(key: str) -> Markup:
    return Markup(key.rstrip("_").replace("_", "-"))


def _value(value: str | float) -> str:
    return clean(value) if isinstance(value, str) else number(value)
