"""The official OpenAPI files as schemathesis is to read them.

Taken literally the files contradict the specification or themselves in five places, mended here:
1. ClientID and ClientTransactionID must be at least 1, where 0 is allowed (who sends none gets 0 back).
2. DeviceState's values are "one of" several kinds, but a time is both a text and a time: it is any of them.
3. A request body is never required, even when a parameter in it is.
4. int32 and uint32 are mere formats; schemathesis wants their bounds in numbers.
5. The management calls document no 400, though their ids can be unreadable.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import schemathesis
import yaml  # type: ignore[import-untyped]

_FILES = Path(__file__).with_name("openapi")
_TYPES = (
    "camera", "covercalibrator", "dome", "filterwheel", "focuser", "observingconditions", "rotator",
    "safetymonitor", "telescope",
)  # fmt: skip
_BOUNDS = {"int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1)}
_OF_PATH = ("device_number", "device_type")


def device_api(all_types: bool) -> Any:
    """The operations of our device types, each on device 0 of its type.

    The members that all types share are one and the same code: unless `all_types`, two types stand for all.
    """
    return _schema(_read("AlpacaDeviceAPI_v1.yaml"), _TYPES if all_types else ("camera", "dome"))


def management_api() -> Any:
    """The management calls and the setup pages."""
    spec = _read("AlpacaManagementAPI_v1.yaml")
    for operations in spec["paths"].values():
        for operation in operations.values():
            operation["responses"].setdefault("400", {"description": "unreadable ids"})
    return _schema(spec, _TYPES)


def _read(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = yaml.load((_FILES / name).read_text("utf-8"), yaml.CSafeLoader)
    return spec


def _schema(spec: dict[str, Any], shared_by: tuple[str, ...]) -> Any:
    paths: dict[str, Any] = {}
    for path, operations in spec["paths"].items():
        kinds: tuple[str, ...] = shared_by if "{device_type}" in path else (path.split("/")[1],)
        if "{device_number}" in path and kinds[0] not in _TYPES:
            continue
        for kind in kinds:
            made = copy.deepcopy(operations)
            for operation in made.values():
                operation["parameters"] = [p for p in operation.get("parameters", []) if not _of_path(p)]
            paths[path.replace("{device_type}", kind).replace("{device_number}", "0")] = made
    spec["paths"] = paths
    _mend(spec, "")
    # Alpaca ignores extra parameters and answers a wrong method with 400, where schemathesis wants 405.
    config = schemathesis.config.SchemathesisConfig.from_dict(
        {
            "generation": {"allow-extra-parameters": False, "database": "none"},
            "phases": {"coverage": {"unexpected-methods": []}},
        }
    )
    return schemathesis.openapi.from_dict(spec, config=config)


def _of_path(parameter: dict[str, Any]) -> bool:
    reference = parameter.get("$ref", "").rpartition("/")[2]
    return parameter.get("name") in _OF_PATH or reference in _OF_PATH


def _mend(node: Any, name: str) -> None:
    if isinstance(node, list):
        for item in node:
            _mend(item, "")
    if not isinstance(node, dict):
        return
    if isinstance(node.get("name"), str):
        name = node["name"]
    if name in ("ClientID", "ClientTransactionID") and node.get("minimum") == 1:
        node["minimum"] = 0
    if name == "Value" and len(node.get("oneOf", ())) == 4:
        node["anyOf"] = node.pop("oneOf")
    if "content" in node and "responses" not in name and '"required"' in json.dumps(node["content"]):
        node["required"] = True
    if node.get("format") in _BOUNDS and not {"enum", "const"} & {*node}:
        low, high = _BOUNDS[node["format"]]
        node.setdefault("minimum", low)
        node.setdefault("maximum", high)
    for key, value in node.items():
        _mend(value, name if key == "schema" else key)
