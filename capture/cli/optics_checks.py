"""What `nightcal doctor` asks a focuser, a rotator and a turning dome of a rig. Moves nothing."""

from __future__ import annotations

from capture.alpaca.devices import Dome, Focuser, Rotator
from capture.cli.findings import Look
from capture.config import RigConfig

# Interface versions before this one know no mechanical angle.
_KNOWS_MECHANICAL = 3


def check_focuser(look: Look, focuser: Focuser, rig: RigConfig) -> None:
    """Whether every filter's focus lies within its way, and where it is now."""
    absolute = look.ask("Absolute", lambda: bool(focuser.Absolute))
    here = look.ask("Position", lambda: int(focuser.Position)) if absolute else None
    last = look.ask("MaxStep", lambda: int(focuser.MaxStep))
    if rig.focus is None:
        at = "" if here is None else f", which is at {here}"
        look.note(f"no [rig.focus]: flats of every filter are taken at the focus as it is found{at}")
    elif not absolute:
        look.problem("it is relative and cannot be sent to a filter's focus; take [rig.focus] out")
    elif last is None:
        look.problem("it does not tell how far it goes, and cannot be sent to a filter's focus")
    else:
        base = rig.focus.position if rig.focus.position is not None else here
        wanted = {} if base is None else {"": base} | {n: base + o for n, o in rig.focus.offsets.items()}
        for name, position in wanted.items():
            if not 0 <= position <= last:
                what = f"the focus of {name}" if name else "position"
                look.problem(f"{what} would be at {position}, it goes from 0 to {last}; mend [rig.focus]")
        look.ok(f"goes from 0 to {last}, is at {'an unknown position' if here is None else here}")
    if look.ask("TempCompAvailable", lambda: bool(focuser.TempCompAvailable)) and look.ask(
        "TempComp", lambda: bool(focuser.TempComp)
    ):
        look.note("its temperature compensation is on; it is off while flats are taken with [rig.focus]")
    if look.ask("IsMoving", lambda: bool(focuser.IsMoving)):
        look.note("it is moving now")


def check_rotator(look: Look, rotator: Rotator, rig: RigConfig) -> None:
    """The angle of the flats, and the one at which it stands."""
    knows = rotator.InterfaceVersion >= _KNOWS_MECHANICAL
    member = "MechanicalPosition" if knows else "Position"
    angle_deg = look.ask(member, lambda: float(getattr(rotator, member)))
    if angle_deg is None:
        look.problem("it does not tell its angle, which every frame records; look at its driver")
        return
    wanted_deg = rig.flats.rotator_deg
    if wanted_deg is None:
        look.note(f"no [rig.flats] rotator_deg: flats are taken where it stands, at {angle_deg:.1f} deg now")
    else:
        look.ok(f"stands at {angle_deg:.1f} deg, flats are taken at {wanted_deg:g} deg")
    if not knows:
        look.note("it knows no mechanical angle: its sky angle is taken, which another program may sync")
    if look.ask("IsMoving", lambda: bool(rotator.IsMoving)):
        look.note("it is moving now")


def check_slit(look: Look, dome: Dome) -> None:
    """Whether the dome can be turned after the mount, or turns by itself."""
    azimuth_deg = look.ask("Azimuth", lambda: float(dome.Azimuth))
    at = "" if azimuth_deg is None else f", is at azimuth {azimuth_deg:.0f} deg"
    if look.ask("Slaved", lambda: bool(dome.Slaved)):
        look.ok(f"it is slaved and follows the mount by itself{at}")
    elif look.ask("CanSetAzimuth", lambda: bool(dome.CanSetAzimuth)):
        look.ok(f"its slit can be kept on the mount{at}")
    else:
        look.problem("it cannot be turned from here; take the key dome out of this [[rig]]")
