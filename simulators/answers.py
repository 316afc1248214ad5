"""What a request gets: the protocol's rules of paths, parameters, transactions and errors."""

from __future__ import annotations

import itertools
import json
from html import escape
from typing import Any

from capture.clock import SystemClock
from simulators.camera import Camera
from simulators.device import Device
from simulators.images import error_bytes, image_bytes
from simulators.members import DRIVER_ERROR, AlpacaError, BadRequest, Late
from simulators.observatory import Observatory
from simulators.spoiling import delay
from simulators.wire import HTML, IMAGE_BYTES, JSON, TEXT, Call, Reply

_TYPE_NAMES = {
    "camera": "Camera",
    "covercalibrator": "CoverCalibrator",
    "dome": "Dome",
    "filterwheel": "FilterWheel",
    "focuser": "Focuser",
    "observingconditions": "ObservingConditions",
    "rotator": "Rotator",
    "safetymonitor": "SafetyMonitor",
    "telescope": "Telescope",
}


class Answers:
    """The answers of one observatory's server, without a socket."""

    def __init__(self, observatory: Observatory) -> None:
        self._observatory = observatory
        self._simulated = not isinstance(observatory.clock, SystemClock)
        self._transactions = itertools.count(1)

    def answer(self, call: Call) -> Reply:
        """Return the reply to a call."""
        parts = call.path.split("/")
        try:
            if len(parts) == 6 and parts[1] == "api":
                return self._device_call(call, parts)
            return self._other(call, parts)
        except BadRequest as error:
            return Reply(400, TEXT, str(error).encode())

    def pretend(self, call: Call) -> Reply:
        """Return the reply to a call that went well, and do nothing; the command log keeps it."""
        parameters = {k.lower(): v for k, v in call.parameters.items()}
        try:
            client = _transaction(parameters, "clienttransactionid")
        except BadRequest:
            client = 0
        kind, _, number = call.device.partition("/")
        device = self._observatory.devices.get((kind, int(number) if number.isdecimal() else -1))
        if device is not None and call.method == "PUT":
            device.log_unheard(call.member, call.parameters, call.fault)
        return self._json(client, 0, "", "")

    def _device_call(self, call: Call, parts: list[str]) -> Reply:
        _, _, version, kind, number, member = parts
        if version != "v1":
            raise BadRequest(f"API version {version!r} is not known: use v1")
        if not number.isdecimal():
            raise BadRequest(f"device number {number!r} is not a number")
        device = self._observatory.devices.get((kind, int(number)))
        if device is None:
            raise BadRequest(f"there is no device {kind}/{number}")
        if call.method not in ("GET", "PUT"):
            raise BadRequest(f"method {call.method} is not allowed")
        method = call.method.lower()
        parameters = (
            {k.lower(): v for k, v in call.parameters.items()} if method == "get" else call.parameters
        )
        client = _transaction(parameters, "clienttransactionid" if method == "get" else "ClientTransactionID")
        _transaction(parameters, "clientid" if method == "get" else "ClientID")
        if member.startswith("imagearray") and method == "get" and isinstance(device, Camera):
            if (method, member) in device.members and IMAGE_BYTES in call.accept.lower():
                return self._image_bytes(device, client)
            return self._run(device, method, member, parameters, client, '"Type":2,"Rank":2,', call.fault)
        return self._run(device, method, member, parameters, client, "", call.fault)

    def _run(
        self, device: Device, method: str, member: str, parameters: dict[str, str], client: int, extra: str,
        fault: str,
    ) -> Reply:  # fmt: skip
        number, text, value = 0, "", None
        try:
            value = device.call(method, member, parameters, fault=fault)
        except AlpacaError as error:
            number, text, extra = error.number, str(error), ""
        except BadRequest:
            raise
        except Exception as error:
            number, text, extra = DRIVER_ERROR, f"{type(error).__name__}: {error}", ""
        if number == 0 and method == "get":
            extra = f'{extra}"Value":{json.dumps(value)},'
        reply = self._json(client, number, text, extra)
        if isinstance(value, Late):
            delay(reply, value.seconds, self._simulated)
        return reply

    def _json(self, client: int, number: int, text: str, extra: str) -> Reply:
        tail = f'"ErrorNumber":{number},"ErrorMessage":{json.dumps(text)}}}'
        mine = next(self._transactions)
        body = f'{{{extra}"ClientTransactionID":{client},"ServerTransactionID":{mine},{tail}'
        return Reply(200, JSON, body.encode())

    def _image_bytes(self, camera: Camera, client: int) -> Reply:
        mine = next(self._transactions)
        try:
            body = image_bytes(camera.image(), client, mine)
        except AlpacaError as error:
            body = error_bytes(error.number, str(error), client, mine)
        return Reply(200, IMAGE_BYTES, body)

    def _other(self, call: Call, parts: list[str]) -> Reply:
        if call.path.startswith("/management/"):
            return self._management(call)
        if parts[1:2] == ["setup"]:
            return self._setup(parts)
        if call.path.startswith("/api"):
            raise BadRequest(f"{call.path} is no device call: /api/v1/type/number/member")
        return Reply(404, TEXT, b"there is nothing here: see /setup")

    def _management(self, call: Call) -> Reply:
        if call.method != "GET":
            raise BadRequest(f"method {call.method} is not allowed")
        value: Any
        if call.path == "/management/apiversions":
            value = [1]
        elif call.path == "/management/v1/description":
            settings = self._observatory.settings
            site = f"{settings.site.latitude_deg:.4f}, {settings.site.longitude_deg:.4f}"
            value = {
                "ServerName": settings.name,
                "Manufacturer": "nightcal",
                "ManufacturerVersion": "1.0",
                "Location": site,
            }
        elif call.path == "/management/v1/configureddevices":
            value = [
                {
                    "DeviceName": d.name, "DeviceType": _TYPE_NAMES[d.kind], "DeviceNumber": d.number,
                    "UniqueID": d.unique_id,
                }
                for d in self._observatory.devices.values()
            ]  # fmt: skip
        else:
            raise BadRequest(f"{call.path} is no management call")
        parameters = {k.lower(): v for k, v in call.parameters.items()}
        client = _transaction(parameters, "clienttransactionid")
        _transaction(parameters, "clientid")
        return self._json(client, 0, "", f'"Value":{json.dumps(value)},')

    def _setup(self, parts: list[str]) -> Reply:
        if len(parts) == 6 and parts[2] == "v1" and parts[5] == "setup":
            number = int(parts[4]) if parts[4].isdecimal() else -1
            device = self._observatory.devices.get((parts[3], number))
            if device is None:
                raise BadRequest(f"there is no device {parts[3]}/{parts[4]}")
            text = (
                f"<h1>{escape(device.name)}</h1><p>{escape(device.description)}, interface version "
                f'{device.interface_version}. There is nothing to set up.</p><p><a href="/setup">All</a></p>'
            )
        else:
            rows = (
                f'<li><a href="/setup/v1/{d.address}/setup">{d.address}: {escape(d.name)}</a></li>'
                for d in self._observatory.devices.values()
            )
            text = f"<h1>{escape(self._observatory.settings.name)}</h1><ul>{''.join(rows)}</ul>"
        page = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Alpaca setup</title></head>'
            f"<body>{text}</body></html>"
        )
        return Reply(200, HTML, page.encode())


def _transaction(parameters: dict[str, str], name: str) -> int:
    text = parameters.get(name)
    if text is None:
        return 0
    if not text.isascii() or not text.isdigit() or int(text) >= 2**32:
        raise BadRequest(f"{name} must be a number from 0 to 4294967295, not {text!r}")
    return int(text)
