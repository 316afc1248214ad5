"""The official OpenAPI files hold over every device type that is simulated, for valid and invalid requests.

One of schemathesis' rules is not Alpaca's: a value out of range may be refused with status 200 and an error
number instead of a 4xx. What the files themselves get wrong: `official_api.py`.

A longer run: `NIGHTCAL_OPENAPI_EXAMPLES=100 python -m pytest tests/simulators/test_openapi.py -n 2`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import CheckContext
from schemathesis.core.transport import Response
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.specs.openapi import checks as openapi

from capture.clock import SimulatedClock
from simulators import Observatory, Server, demo_settings, serve
from tests.simulators.official_api import device_api, management_api

EXAMPLES = int(os.environ.get("NIGHTCAL_OPENAPI_EXAMPLES", "2"))
BOUNDED = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def refuses_invalid_data(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    is_json = response.headers["content-type"][0].startswith("application/json")
    if is_json and response.json().get("ErrorNumber"):
        return None
    return openapi.negative_data_rejection(ctx, response, case)


@dataclass(frozen=True)
class Ready:
    server: Server
    session: requests.Session

    def check(self, case: Case[Any], root: str) -> None:
        url = f"http://{self.server.address}{root}"
        case.call_and_validate(
            base_url=url,
            session=self.session,
            additional_checks=[refuses_invalid_data],
            excluded_checks=[openapi.negative_data_rejection],
        )


@pytest.fixture
def ready() -> Iterator[Ready]:
    """An observatory of its own for each operation: connected, unparked, with an image that is ready."""
    clock = SimulatedClock(datetime(2026, 11, 22, 0, 5, tzinfo=UTC))
    demo = demo_settings(seed=7, width_px=32, height_px=16)
    observatory = Observatory(clock, replace(demo, rigs=demo.rigs[:1]))
    for device in observatory.devices.values():
        device.connected = True
    observatory.devices["telescope", 0].call("put", "unpark", {})
    observatory.devices["camera", 0].call("put", "startexposure", {"Duration": "1", "Light": "true"})
    clock.run(lambda: clock.sleep(10))
    with serve(observatory) as server, requests.Session() as session:
        yield Ready(server, session)


SCHEMAS = {"/api/v1": device_api(all_types=EXAMPLES > 2), "": management_api()}
OPERATIONS = [
    pytest.param(root, path, method.upper(), id=f"{method} {path}")
    for root, schema in SCHEMAS.items()
    for path, operations in schema.raw_schema["paths"].items()
    for method in operations
]


# Not by schemathesis' own parametrize: its items all bear one name, so that xdist runs but one of them, and
# it makes up all requests when pytest collects, which costs every other run many seconds.
@pytest.mark.parametrize(("root", "path", "method"), OPERATIONS)
def test_an_operation_keeps_to_the_official_api(ready: Ready, root: str, path: str, method: str) -> None:
    schema = SCHEMAS[root]

    def check(case: Case[Any]) -> None:
        for device in ready.server.observatory.devices.values():
            device.connected = True
        ready.check(case, root)

    build_operation_test(
        config=schema.config,
        operation=schema[path][method],
        test_func=check,
        given_kwargs={},
        feedback=FeedbackSources(),
        explicit_settings=BOUNDED,
    )()
