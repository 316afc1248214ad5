"""The file of another program that a file of ours was made of, as FITS cards and back."""

from __future__ import annotations

from dataclasses import dataclass

from astropy.io import fits

from capture.store.fits_file import Card
from capture.store.headers import known_cards


@dataclass(frozen=True)
class Original:
    """The other program, as far as its header names it; the file's name and its SHA-256."""

    program: str
    name: str
    sha256: str

    def cards(self) -> list[Card]:
        """What a header of ours says of it; no text is longer than a card."""
        return known_cards(
            [
                ("ORIGPROG", self.program[:60], "program of the original file"),
                ("ORIGFILE", self.name[-60:], ""),
                ("ORIGSHA", self.sha256, ""),
            ]
        )


def original_of(header: fits.Header) -> str | None:
    """The original's SHA-256 that `cards` wrote; None for a file that was ours from the start."""
    sha256 = header.get("ORIGSHA")
    return str(sha256) if sha256 else None
