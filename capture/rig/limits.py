"""What the config asks of a camera, held against what the camera can, before anything moves. Pure."""

from __future__ import annotations

from capture.config import RigConfig
from capture.errors import BadInput
from capture.frame import CameraLimits, FrameSpec, Kind
from capture.rig.camera_facts import CameraFacts


def require_possible(config: RigConfig, facts: CameraFacts) -> None:
    """Raise BadInput naming section, key and the camera's limit for the first thing that it cannot."""
    _require_setup(f'[[rig]] "{config.name}"', config, facts)
    for one in config.flats.set:
        where = f'[[rig "{config.name}".flats.set]] of {" ".join(one.filters)},'
        _require_setup(where, config.for_flats(one.filters[0]), facts)
    low_s, high_s = config.flats.min_exposure_s, config.flats.max_exposure_s
    if low_s > facts.exposure_max_s or high_s < facts.exposure_min_s:
        raise BadInput(
            f'[rig "{config.name}".flats] allows exposures of {low_s:g} to {high_s:g} s, but the camera '
            f"takes {facts.exposure_min_s:g} to {facts.exposure_max_s:g} s"
        )


def require_takes(spec: FrameSpec, camera: CameraLimits) -> None:
    """Raise BadInput with the camera's limit for the first thing of such a frame that it cannot.

    A bias is as short as the camera can; a flat's exposure is left to its sequence.
    """
    low_s, high_s = camera.exposure_min_s, camera.exposure_max_s
    if spec.kind not in (Kind.BIAS, Kind.FLAT) and not low_s <= spec.exposure_s <= high_s:
        raise BadInput(f"{spec.exposure_s:g} s: the camera takes {low_s:g} to {high_s:g} s")
    if spec.binning > camera.binning_max:
        raise BadInput(f"binning {spec.binning}: the camera bins up to {camera.binning_max}")
    limits = camera.gain_range
    if spec.gain is not None and limits is not None and not limits[0] <= spec.gain <= limits[1]:
        raise BadInput(f"gain {spec.gain}: the camera takes {limits[0]} to {limits[1]}")


def require_settable(config: RigConfig, gain: int | None, temperature_c: float | None) -> None:
    """Raise BadInput for a gain or a set point that the rig has not to set; None where none is asked for.

    A camera's own gain would not be put back afterwards: nobody knows what it should be.
    """
    if gain is not None and config.gain is None:
        raise BadInput(f"{config.name} leaves the gain to its camera; leave it out")
    if temperature_c is not None and config.cooling is None:
        raise BadInput(f"{config.name} is not cooled; leave the temperature out")


def _require_setup(where: str, config: RigConfig, facts: CameraFacts) -> None:
    if config.binning > facts.binning_max:
        raise BadInput(f"{where} binning {config.binning}: the camera bins up to {facts.binning_max}")
    for key, wanted, now, limits in (
        ("gain", config.gain, facts.gain, facts.gain_range),
        ("offset", config.offset, facts.offset, facts.offset_range),
    ):
        if wanted is None:
            continue
        if now is None:
            raise BadInput(f"{where} {key} {wanted}: the camera has no such setting; take the key out")
        if limits is not None and not limits[0] <= wanted <= limits[1]:
            raise BadInput(f"{where} {key} {wanted}: the camera takes {limits[0]} to {limits[1]}")
    mode, modes = config.readout_mode, facts.readout_modes
    if mode is not None and modes and not 0 <= mode < len(modes):
        listed = ", ".join(f"{number} {name!r}" for number, name in enumerate(modes))
        raise BadInput(f"{where} readout_mode {mode}: the camera has {listed}")
