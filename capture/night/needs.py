"""What the library must hold of a rig: bias, darks, a flat set for every filter, and tonight's order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from capture.config import RigConfig
from capture.errors import BadInput
from capture.frame import FrameSpec, Kind
from capture.store.catalogue import Catalogue
from capture.store.needs import Need
from capture.store.orders import OrderRow

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
    """The filters of a rig as far as one knows without asking its wheel.

    They are those that it had when it was connected last, else those of flats, and the config's. Empty when
    nothing is known yet.
    """
    told = catalogue.cameras.filters(config.name)
    return tuple(dict.fromkeys((*(told or catalogue.filters(config.name)), *config.flats.filters)))


def spec_by_catalogue(config: RigConfig, catalogue: Catalogue) -> SpecOf:
    """FrameSpecs as the rig would make them, without asking it.

    What the config leaves to the camera is taken to be as in the newest frame; a readout mode's name as in
    the newest of the same number.
    """
    newest = catalogue.newest(config.name)
    last = newest.spec if newest else FrameSpec(Kind.BIAS)
    modes = _modes(config, catalogue, last)

    def spec_of(kind: Kind, exposure_s: float, filter_name: str | None) -> FrameSpec:
        set_up = config.for_flats(filter_name) if kind is Kind.FLAT else config
        return FrameSpec(
            kind=kind,
            exposure_s=exposure_s,
            filter=filter_name,
            binning=set_up.binning,
            gain=set_up.gain if set_up.gain is not None else last.gain,
            offset=set_up.offset if set_up.offset is not None else last.offset,
            readout_mode=modes.get(set_up.readout_mode),
            set_temperature_c=config.cooling.set_temperature_c if config.cooling else None,
            rotator_deg=config.flats.rotator_deg if kind is Kind.FLAT else None,
        )

    return spec_of


def _modes(config: RigConfig, catalogue: Catalogue, last: FrameSpec) -> dict[int | None, str | None]:
    """The names of the readout modes that the config numbers, as far as frames tell."""
    if all(one.readout_mode is None for one in config.flats.set):
        return {} if config.readout_mode is None else {config.readout_mode: last.readout_mode}
    flats = catalogue.frames(rig=config.name, kind=Kind.FLAT)
    return {config.for_flats(flat.spec.filter).readout_mode: flat.spec.readout_mode for flat in flats}


def needs_of(config: RigConfig, wheel: Sequence[str], spec_of: SpecOf) -> list[Need]:
    """What the library must hold of one rig; without flats while the filters of its wheel are unknown.

    A bias for every setup that flats have. Raises BadInput for a filter that the wheel lacks.
    """
    unknown = config.filter_wheel is not None and not wheel
    filters = () if unknown else chosen_filters(config, wheel)
    flats = [spec_of(Kind.FLAT, 0.0, name) for name in filters]
    usual = spec_of(Kind.BIAS, 0.0, None)
    biases = dict.fromkeys(
        spec.set_key() for spec in (usual, *(replace(flat, kind=Kind.BIAS) for flat in flats))
    )
    bias = config.bias
    needs = [Need(config.name, spec, bias.count, bias.max_age_days) for spec in biases]
    for exposure_s in config.darks.exposures_s:
        spec = spec_of(Kind.DARK, exposure_s, None)
        needs.append(Need(config.name, spec, config.darks.count, config.darks.max_age_days))
    needs += [Need(config.name, spec, config.flats.count, config.flats.max_age_days) for spec in flats]
    return [Need(n.rig, n.spec.set_key(), n.count, n.max_age_days) for n in needs if n.count > 0]


def needs_by_use(config: RigConfig, catalogue: Catalogue, needs: Sequence[Need], now: datetime) -> list[Need]:
    """Darks that match what was really taken, and the bias of their setups, beside what `needs` hold already.

    Of every light of the last `[rig.darks] lights_days`, at its own set temperature; and of the exposures of
    the good flats that count now, where `[rig.flats] flat_darks` asks for them (a grid keeps them few).
    """
    own_c = config.cooling.set_temperature_c if config.cooling else None
    darks: set[FrameSpec] = set()
    if config.flats.flat_darks:
        youngest = now - timedelta(days=config.flats.max_age_days)
        flats = catalogue.frames(rig=config.name, kind=Kind.FLAT, good=True, since=youngest, valid=True)
        darks |= {replace(flat.spec, kind=Kind.DARK, set_temperature_c=own_c).set_key() for flat in flats}
    biases: set[FrameSpec] = set()
    if config.darks.lights_days:
        youngest = now - timedelta(days=config.darks.lights_days)
        frames = catalogue.frames(rig=config.name, kind=Kind.LIGHT, since=youngest)
        # Beside the rig's own, those of other programs that came into the folder of lights.
        for spec in {frame.spec for frame in frames} | catalogue.lights.specs(config.name, youngest):
            light_c = spec.set_temperature_c if config.cooling else None
            # One that does not say how cold it was is taken to be as all others are.
            at_c = own_c if light_c is None else light_c
            darks.add(replace(spec, kind=Kind.DARK, set_temperature_c=at_c).set_key())
            biases.add(replace(spec, kind=Kind.BIAS).set_key())
    held = {need.spec for need in needs}
    return [
        Need(config.name, spec, section.count, section.max_age_days)
        for section, specs in ((config.bias, biases - held), (config.darks, darks - held))
        for spec in sorted(specs, key=lambda spec: (spec.exposure_s, repr(spec)))
        if section.count and (spec.exposure_s or spec.kind is Kind.BIAS)
    ]


def order_needs(
    order: OrderRow, config: RigConfig, wheel: Sequence[str], spec_of: SpecOf
) -> tuple[list[Need], tuple[str, ...]]:
    """What an order asks for, in its order; and in words what of it cannot be had from this wheel.

    Only frames taken since it was given meet it.
    """
    needs: list[Need] = []
    refused: list[str] = []
    for one in order.flats:
        if wheel and one.filter not in wheel:
            refused.append(f"{one.filter} was ordered, but the wheel has {' '.join(wheel)}")
            continue
        spec = spec_of(Kind.FLAT, 0.0, one.filter).set_key()
        count = one.count or config.flats.count
        needs.append(Need(config.name, spec, count, config.flats.max_age_days, order.made))
    return needs, tuple(refused)
