"""The API against its own description, for three roles: no fault of ours, and nothing that a role may not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case

from capture.members.accounts import issue_token
from capture.members.roles import Role, Scope
from tests.capture.web.conftest import Served
from tests.capture.web.test_access import TABLE
from tests.documents import PAGES, ROOT, blocks, curls

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


def test_the_reference_s_snippet_fetches_the_newest_darks_whole(served: Served) -> None:
    (snippet,) = blocks(ROOT / "docs" / "reference" / "api.md", "python")
    around: dict[str, Any] = {}
    exec(snippet.replace("http://127.0.0.1:8080", served.address), around)
    newest = around["newest_darks"]()
    assert newest
    assert all(around["fetch"](master).startswith(b"SIMPLE") for master in newest.values())


def test_the_curl_examples_of_the_documents_ask_what_can_be_asked(served: Served) -> None:
    accounts, now = served.desk.archive.catalogue.accounts, served.desk.clock.now()
    token = issue_token(accounts, "admin", "docs", list(Scope), now).secret
    known = [
        re.sub(r"{\w+}", r"[^/]+", path)
        for path in served.visitor().get("/api/v1/openapi.json").json()["paths"]
    ]
    examples = [words for page in PAGES for words in curls(page)]
    assert len(examples) >= 7
    for words in examples:
        (address,) = (word for word in words if word.startswith("http://127.0.0.1:8080"))
        path = address.removeprefix("http://127.0.0.1:8080")
        assert any(re.fullmatch(one, path.partition("?")[0]) for one in known), path
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        body = words[words.index("-d") + 1] if "-d" in words else None
        answer = requests.request(
            "POST" if body else "GET", served.address + path, data=body, headers=headers, timeout=30
        )
        # There may be no such master here, and no service that shows a dry run.
        assert answer.status_code in (200, 201, 404, 503), (path, answer.text)
