"""Every call that nightcal makes of a device, as alpyca spells it; a request log keeps the list complete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

from capture.alpaca.devices import (
    Camera,
    CoverCalibrator,
    Dome,
    FilterWheel,
    Focuser,
    ObservingConditions,
    Rotator,
    SafetyMonitor,
    Telescope,
    optional,
)

KINDS: dict[str, Any] = {
    "camera": Camera,
    "covercalibrator": CoverCalibrator,
    "dome": Dome,
    "filterwheel": FilterWheel,
    "focuser": Focuser,
    "observingconditions": ObservingConditions,
    "rotator": Rotator,
    "safetymonitor": SafetyMonitor,
    "telescope": Telescope,
}
_READ = {
    "camera": """
        BayerOffsetX BayerOffsetY BinX CCDTemperature CameraState CameraXSize CameraYSize CanAbortExposure
        CanSetCCDTemperature Connected Connecting CoolerPower ElectronsPerADU ExposureMax ExposureMin
        ExposureResolution FullWellCapacity Gain GainMax GainMin Gains HasShutter ImageReady InterfaceVersion
        LastExposureDuration LastExposureStartTime MaxADU MaxBinX Name NumX NumY Offset OffsetMax
        OffsetMin Offsets PixelSizeX PixelSizeY ReadoutMode ReadoutModes SensorType StartX StartY
    """,
    "covercalibrator": "CalibratorState Connected Connecting CoverState InterfaceVersion",
    "dome": "CanSetAzimuth Connected Connecting InterfaceVersion ShutterStatus Slaved Slewing",
    "filterwheel": "Connected Connecting InterfaceVersion Names Position",
    "focuser": """
        Absolute Connected Connecting InterfaceVersion IsMoving MaxIncrement MaxStep Position TempComp
        TempCompAvailable
    """,
    "observingconditions": "Connected Connecting InterfaceVersion RainRate",
    "rotator": "Connected Connecting InterfaceVersion IsMoving MechanicalPosition Position",
    "safetymonitor": "Connected Connecting InterfaceVersion IsSafe",
    "telescope": """
        Altitude AtPark Azimuth CanPark CanSetTracking CanSlew CanSlewAltAz CanSlewAltAzAsync CanSlewAsync
        Connected Connecting
        Declination InterfaceVersion RightAscension Slewing Tracking
    """,
}
_SET: dict[str, dict[str, object]] = {
    "camera": {
        "BinX": 1, "BinY": 1, "CoolerOn": True, "Gain": 0, "NumX": 64, "NumY": 64, "Offset": 50,
        "ReadoutMode": 0, "SetCCDTemperature": -10.0, "StartX": 0, "StartY": 0,
    },
    "filterwheel": {"Position": 1},
    "focuser": {"TempComp": False},
    "telescope": {"Tracking": True},
}  # fmt: skip
_CALL: dict[str, dict[str, tuple[object, ...]]] = {
    "camera": {"AbortExposure": (), "StartExposure": (0.001, False)},
    "covercalibrator": {"CloseCover": (), "OpenCover": ()},
    "dome": {"CloseShutter": (), "OpenShutter": ()},
    "focuser": {"Halt": (), "Move": (20_100,)},
    "rotator": {"Halt": (), "MoveAbsolute": (20.0,), "MoveMechanical": (20.0,)},
    "telescope": {
        "AbortSlew": (), "Park": (), "SlewToAltAzAsync": (120.0, 70.0), "SlewToCoordinatesAsync": (1.0, 10.0),
        "Unpark": (),
    },
}  # fmt: skip


def unparked_and_tracking(mount: Any) -> None:
    mount.Unpark()
    mount.Tracking = True


# What must have been done before, so that a call without a fault succeeds.
_BEFORE: dict[str, Callable[[Any], object]] = {
    "AbortSlew": lambda mount: mount.Unpark(),
    "SlewToAltAzAsync": lambda mount: mount.Unpark(),
    "StartExposure": lambda camera: camera.AbortExposure(),
    "SlewToCoordinatesAsync": unparked_and_tracking,
    "Tracking": lambda mount: mount.Unpark(),
}


def put_value(device: Any, *, name: str, value: object) -> None:
    setattr(device, name, value)


def call_method(device: Any, *, name: str, arguments: tuple[object, ...]) -> None:
    getattr(device, name)(*arguments)


def reader(name: str) -> Callable[[Any], Any]:
    """Reads the property; the simulated cameras count their gains, so lists of them are optional."""
    read = attrgetter(name)
    return (lambda device: optional(lambda: read(device))) if name in ("Gains", "Offsets") else read


def nothing(_device: Any) -> None:
    """Nothing needs to be done before."""


@dataclass(frozen=True)
class Call:
    """One call of a device: `make` makes it on one of our device classes."""

    device: str
    method: str
    member: str
    make: Callable[[Any], Any]
    before: Callable[[Any], object] = nothing

    def names(self, text: str) -> bool:
        """Whether an error's text names this call."""
        return self.member in text or (self.member == "imagearray" and ("image" in text or "pixels" in text))

    def __str__(self) -> str:
        return f"{self.device}-{self.method}-{self.member}"


def _calls() -> list[Call]:
    calls = []
    for device, names in _READ.items():
        calls += [Call(device, "GET", name.lower(), reader(name)) for name in names.split()]
        calls.append(Call(device, "PUT", "connect", lambda d: d.Connect()))
    for device, values in _SET.items():
        for name, value in values.items():
            before = _BEFORE.get(name, nothing)
            calls.append(
                Call(device, "PUT", name.lower(), partial(put_value, name=name, value=value), before)
            )
    for device, methods in _CALL.items():
        for name, arguments in methods.items():
            before = _BEFORE.get(name, nothing)
            calls.append(
                Call(
                    device, "PUT", name.lower(), partial(call_method, name=name, arguments=arguments), before
                )
            )
    calls.append(Call("camera", "GET", "imagearray", lambda camera: camera.image(64, 64)))
    calls.append(
        Call("observingconditions", "GET", "timesincelastupdate", lambda w: w.TimeSinceLastUpdate(""))
    )
    return calls


CALLS = sorted(_calls(), key=str)
# The ones that a night stands or falls with: tried with every fault in CI.
CRITICAL = [
    call
    for call in CALLS
    if (call.device, call.method, call.member)
    in {
        ("camera", "GET", "connected"), ("camera", "GET", "imageready"), ("camera", "GET", "imagearray"),
        ("camera", "PUT", "startexposure"), ("filterwheel", "GET", "position"),
        ("filterwheel", "PUT", "position"), ("dome", "GET", "shutterstatus"), ("dome", "PUT", "closeshutter"),
        ("safetymonitor", "GET", "issafe"), ("telescope", "GET", "atpark"), ("telescope", "GET", "slewing"),
    }
]  # fmt: skip
