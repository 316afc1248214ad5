"""What a member's value must look like to make sense: a device's answer is checked where it comes in.

A member that is not listed here passes as it is. Numbers may be NaN, which some drivers say for
"unknown".
"""

from __future__ import annotations

from collections.abc import Callable

Check = Callable[[object], bool]


def _is_bool(value: object) -> bool:
    return value is True or value is False


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _one_of(*range_of: int) -> Check:
    allowed = range(*range_of)
    return lambda value: _is_whole(value) and value in allowed


_BOOLS = """
    athome atpark calibratorchanging canabortexposure canasymmetricbin canfastreadout canfindhome
    cangetcoolerpower canpark canpulseguide cansetaltitude cansetazimuth cansetccdtemperature
    cansetdeclinationrate cansetguiderates cansetpark cansetpierside cansetrightascensionrate
    cansetshutter cansettracking canreverse canslave canslew canslewaltaz canslewaltazasync canslewasync
    canstopexposure cansync cansyncaltaz cansyncazimuth canunpark connected connecting cooleron
    absolute covermoving doesrefraction fastreadout hasshutter imageready ismoving ispulseguiding issafe
    reverse slaved slewing tempcomp tempcompavailable tracking
"""
_WHOLES = """
    bayeroffsetx bayeroffsety binx biny brightness cameraxsize cameraysize gainmax gainmin
    interfaceversion maxbinx maxbiny maxbrightness maxincrement maxstep numx numy offsetmax offsetmin
    percentcompleted position readoutmode startx starty gain offset
"""
_NUMBERS = """
    altitude aperturearea aperturediameter averageperiod azimuth ccdtemperature cloudcover
    coolerpower declination declinationrate dewpoint electronsperadu exposuremax exposuremin
    exposureresolution focallength fullwellcapacity heatsinktemperature humidity
    lastexposureduration maxadu mechanicalposition pixelsizex pixelsizey pressure rainrate rightascension
    rightascensionrate setccdtemperature siderealtime siteelevation sitelatitude sitelongitude
    skybrightness skyquality skytemperature slewsettletime starfwhm stepsize subexposureduration
    targetposition temperature timesincelastupdate winddirection windgust windspeed
"""
_TEXTS = (
    "description driverinfo driverversion lastexposurestarttime name sensordescription sensorname utcdate"
)
_LISTS_OF_TEXTS = "gains names offsets readoutmodes supportedactions"
_LISTS = "devicestate focusoffsets trackingrates"

CHECKS: dict[str, Check] = {
    **dict.fromkeys(_BOOLS.split(), _is_bool),
    **dict.fromkeys(_WHOLES.split(), _is_whole),
    **dict.fromkeys(_NUMBERS.split(), _is_number),
    **dict.fromkeys(_TEXTS.split(), _is_text),
    **dict.fromkeys(_LISTS_OF_TEXTS.split(), _is_texts),
    **dict.fromkeys(_LISTS.split(), _is_list),
    "alignmentmode": _one_of(3),
    "calibratorstate": _one_of(6),
    "camerastate": _one_of(6),
    "coverstate": _one_of(6),
    "equatorialsystem": _one_of(5),
    "sensortype": _one_of(6),
    "shutterstatus": _one_of(5),
    "sideofpier": _one_of(-1, 2),
}
_OF_ONE_TYPE: dict[tuple[str, str], Check] = {("rotator", "position"): _is_number}


def check_of(device_type: str, member: str) -> Check | None:
    """The check of a member's value; None where any passes."""
    return _OF_ONE_TYPE.get((device_type, member)) or CHECKS.get(member)
