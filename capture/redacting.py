"""Secrets taken out of texts before anybody reads them: in the journal, in logs and in messages of errors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote, unquote_plus

HIDDEN = "***"
# scheme://user:password@host: a password may hold an @ of its own, so a host must follow.
_IN_ADDRESS = re.compile(
    r"(?<=://)([^\s/:@'\"]*):[^\s/'\"]*?@(?=[A-Za-z0-9.\[-][A-Za-z0-9.-]*([^A-Za-z0-9.@-]|$))"
)
_NAMED = re.compile(
    r"(?i)\b(password|passwd|pass|pwd|token|secret|api_?key|access_?key)(=|%3D)([^\s&;,'\"]+)",
)
_SHORTEST = 4


def redacted(text: str) -> str:
    """`text` without the passwords of addresses in it, and without the values of password= and its like."""
    if "://" in text:
        text = _IN_ADDRESS.sub(rf"\1:{HIDDEN}@", text)
    if "=" in text or "%3D" in text:
        text = _NAMED.sub(rf"\1\2{HIDDEN}", text)
    return text


def without(text: str, secrets: Iterable[str]) -> str:
    """`text` without these secrets, the longest first, as they are written and as an address writes them.

    Those of fewer than four characters stay: they would tear words apart that have nothing to do with them.
    """
    forms = {form for one in secrets for form in (one, unquote(one), unquote_plus(one))}
    for form in sorted((one for one in forms if len(one) >= _SHORTEST), key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return redacted(text)
