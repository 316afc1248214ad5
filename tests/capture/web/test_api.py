"""The API against its own description, for three roles: no fault of ours, and nothing that a role may not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case

from capture.members.accounts import issue_token
from capture.members.roles import Role, Scope
from tests.capture.web.conftest import Served
from tests.capture.web.test_access import TABLE

EXAMPLES = 6


def operations(served: Served) -> list[Any]:
    schema = schemathesis.openapi.from_dict(served.visitor().get("/api/v1/openapi.json").json())
    return [found.ok() for found in schema.get_all_operations()]


def called(served: Served, headers: dict[str, str]) -> list[tuple[str, str, int, bytes]]:
    """Method, address, status and text of every answer to what hypothesis thinks of."""
    answers = []
    for operation in operations(served):

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES, database=None, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def call(case: Case) -> None:
            got = case.call(base_url=served.address, headers=headers, timeout=30)
            answers.append((case.method.upper(), case.operation.path, got.status_code, got.content[:300]))

        call()
    return answers


@pytest.mark.parametrize("role", [Role.VISITOR, Role.MEMBER, Role.OPERATOR], ids=lambda role: role.word)
def test_whatever_is_sent_nothing_breaks_and_no_role_gets_beyond_itself(served: Served, role: Role) -> None:
    headers = {}
    if role is not Role.VISITOR:
        accounts, now = served.desk.archive.catalogue.accounts, served.desk.clock.now()
        headers["Authorization"] = (
            f"Bearer {issue_token(accounts, role.word, 'all', list(Scope), now).secret}"
        )
    answers = called(served, headers)
    assert len(answers) > 30
    assert [one for one in answers if one[2] >= 500] == []
    assert [one for one in answers if one[2] < 300 and role < TABLE[one[0], one[1]][0]] == []
    assert {one[2] for one in answers} & {200, 201}


def test_the_snippet_of_the_document_asks_for_what_the_library_lacks(served: Served) -> None:
    text = (Path(__file__).parents[3] / "docs" / "web.md").read_text()
    (snippet,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    accounts, now = served.desk.archive.catalogue.accounts, served.desk.clock.now()
    around: dict[str, Any] = {}
    exec(snippet.replace("http://127.0.0.1:8080", served.address), around)
    made = around["ask_for_darks"](issue_token(accounts, "other", "docs", [Scope.ASK], now).secret)
    assert (made["who"], made["state"], made["spec"]["exposure_s"]) == ("other", "queued", 300.0)
