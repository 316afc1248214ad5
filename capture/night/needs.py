"""What the library must hold of a rig: bias, darks, a flat set for every filter, and tonight's order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from capture.config import RigConfig
from capture.errors import BadInput
from capture.frame import FrameSpec, Kind
from capture.store.catalogue import Catalogue
from capture.store.needs import Need

SpecOf = Callable[[Kind, float, str | None], FrameSpec]


def chosen_filters(config: RigConfig, wheel: Sequence[str]) -> tuple[str | None, ...]:
    """The filters that the config wants flats of; (None,) for a rig without a wheel.

    Raises BadInput for one that the wheel lacks.
    """
    for name in config.flats.filters:
        if name not in wheel:
            raise BadInput(
                f'[rig "{config.name}".flats] wants the filter {name!r}, but the wheel has '
                f"{' '.join(wheel) or 'none'}"
            )
    return config.flats.filters or tuple(wheel) or (None,)


def known_filters(config: RigConfig, catalogue: Catalogue) -> tuple[str, ...]:
    """The filters of a rig as far as one knows without asking its wheel: the config's, else those of flats.

    Empty when nothing is known yet.
    """
    if config.flats.filters:
        return config.flats.filters
    return catalogue.filters(config.name)


def needs_of(config: RigConfig, wheel: Sequence[str], spec_of: SpecOf) -> list[Need]:
    """What the library must hold of one rig. Raises BadInput for a filter that the wheel lacks."""
    needs = [Need(config.name, spec_of(Kind.BIAS, 0.0, None), config.bias.count, config.bias.max_age_days)]
    for exposure_s in config.darks.exposures_s:
        spec = spec_of(Kind.DARK, exposure_s, None)
        needs.append(Need(config.name, spec, config.darks.count, config.darks.max_age_days))
    for name in chosen_filters(config, wheel):
        spec = spec_of(Kind.FLAT, 0.0, name)
        needs.append(Need(config.name, spec, config.flats.count, config.flats.max_age_days))
    return [Need(n.rig, n.spec.set_key(), n.count, n.max_age_days) for n in needs if n.count > 0]
