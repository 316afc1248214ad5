"""What the judge of a flat measured, as FITS cards and back."""

from __future__ import annotations

from collections.abc import Mapping

from astropy.io import fits

from capture.store.fits_file import Value

# By the name in Frame.gates: keyword and comment. What each one is, is in docs/sky_flats.md, "Acceptance".
GATES: Mapping[str, tuple[str, str]] = {
    "level_percent": ("LEVELOFF", "[%] level over target, above bias"),
    "predicted_adu": ("PREDADU", "[ADU] level foreseen, bias included"),
    "sky_percent": ("SKYRESID", "[%] sky over the one foreseen"),
    "gradient_percent": ("GRADRES", "[%] gradient left, corner to corner"),
    "stars_percent": ("STARAREA", "[%] area under stars"),
    "shape_rms_percent": ("SHAPERMS", "[%] rms off tonight's other flats"),
    "shape_worst_percent": ("SHAPEMAX", "[%] worst block off tonight's others"),
    "master_rms_percent": ("MASTRMS", "[%] rms off the last master"),
    "master_worst_percent": ("MASTMAX", "[%] worst block off the last master"),
    "spot_deg": ("SPOTDIST", "[deg] from the least gradient"),
    "moved_arcsec": ("STARMOVE", "[arcsec] since the filter's last flat"),
}


def gate_cards(gates: Mapping[str, float]) -> list[tuple[str, Value | None, str]]:
    """The cards of what was measured, to six digits."""
    return [
        (keyword, float(f"{gates[name]:.6g}"), comment)
        for name, (keyword, comment) in GATES.items()
        if name in gates
    ]


def gates_of(header: fits.Header) -> dict[str, float]:
    """What `gate_cards` wrote."""
    return {name: float(header[keyword]) for name, (keyword, _) in GATES.items() if keyword in header}
