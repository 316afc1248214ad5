"""`nightcal notify` and `users notify`, as who keeps the machine meets them; nothing leaves the machine."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.capture.cli.command import CONFIG, Nightcal, write_config

SECRET = "s3cretWordOfTheOps"
NOTIFY = """
[notify]
mail_env = "FARM_MAIL"
[[notify.channel]]
name = "ops"
url_file = "ops.url"
events = ["alarm", "night_report"]
"""
NOBODY = "json://ops:{secret}@127.0.0.1:1/{secret}?+token={secret}"


@dataclass
class Hook:
    """Takes Apprise's json:// on this machine."""

    url: str = ""
    taken: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture(autouse=True)
def mail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_MAIL", f"mailtos://farm:{SECRET}@127.0.0.1:1?from=farm@example.org")


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        hook.url = f"json://ops:{SECRET}@127.0.0.1:{server.server_port}/in"
        yield hook
        server.shutdown()
        thread.join()


def with_urls(folder: Path, urls: str, notify: str = NOTIFY, mode: int = 0o600) -> None:
    write_config(folder, text=CONFIG + notify)
    (folder / "ops.url").write_text(urls)
    (folder / "ops.url").chmod(mode)


def test_a_test_message_reaches_who_is_there_and_tells_why_not_of_who_is_not(
    nightcal: Nightcal, tmp_path: Path, hook: Hook
) -> None:
    with_urls(tmp_path, f"# ours\n{hook.url}\n{NOBODY.format(secret=SECRET)}\n")
    ended = nightcal("notify", "test")
    assert ended.status == 1
    first, second = ended.out.splitlines()
    assert first == "@ops (json): sent"
    assert second.startswith("@ops#2 (json): ")
    assert "onnection" in second
    assert [taken["title"] for taken in hook.taken] == ["Demo Ridge: a test"]
    told = json.loads(nightcal("notify", "test", "--to", "@ops", "--json").out)
    assert [(one["to"], one["sent"]) for one in told] == [("@ops (json)", True), ("@ops#2 (json)", False)]
    assert SECRET not in ended.out + ended.err + json.dumps(told)


@pytest.mark.parametrize(
    ("urls", "mode", "sentence"),
    [
        (f"nonsense://{SECRET}@host/{SECRET}", 0o600, "URL 1 is none that Apprise understands"),
        (f"json://good.invalid\nslack://{SECRET}", 0o600, "URL 2 is none that Apprise understands"),
        (f"{SECRET}", 0o600, "URL 1 is none that Apprise understands"),
        (f"syslog://{SECRET}", 0o600, "URL 1 is none that Apprise understands"),
        (f"json://{SECRET}", 0o644, "chmod 600 it"),
        ("# nobody\n\n", 0o600, "holds no URL"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_in_a_sentence_that_does_not_show_it(
    nightcal: Nightcal, tmp_path: Path, urls: str, mode: int, sentence: str
) -> None:
    with_urls(tmp_path, urls, mode=mode)
    for command in (("notify", "test"), ("notify", "list"), ("serve",)):
        ended = nightcal(*command)
        assert ended.status == 2
        assert sentence in ended.sentence()
        assert SECRET not in ended.out + ended.err
    looked = nightcal("doctor", "--seconds", "0.1")
    assert sentence in looked.out
    assert SECRET not in looked.out + looked.err


@pytest.mark.parametrize(
    ("notify", "sentence"),
    [
        (NOTIFY.replace("url_file", f'url = "json://{SECRET}"\nurl_file'), "knows no key 'url'"),
        (
            NOTIFY.replace("url_file", "url_env = 'OPS'\nurl_file"),
            "needs a url_file or a url_env, and not both",
        ),
        (NOTIFY + NOTIFY.partition('FARM_MAIL"')[2], "two [[notify.channel]] have the name ops"),
        (NOTIFY.replace('"alarm"', '"alarms"'), "should be 'alarm'"),
        (NOTIFY.replace('"FARM_MAIL"', f'"mailto://u:{SECRET}@h"'), "mail_env"),
        ("[notify]\ninterval_min = 0\n", "interval_min: input should be greater than 0"),
    ],
)
def test_a_notify_section_that_makes_no_sense_is_refused_without_showing_a_secret(
    nightcal: Nightcal, tmp_path: Path, notify: str, sentence: str
) -> None:
    with_urls(tmp_path, "json://good.invalid", notify)
    ended = nightcal("notify", "list")
    assert (ended.status, sentence in ended.err) == (2, True), ended.err
    assert SECRET not in ended.err


def test_a_member_gets_an_address_and_an_operator_events_with_it(
    nightcal: Nightcal, tmp_path: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_urls(tmp_path, "json://good.invalid")
    nightcal("users", "add", "ada", "--generate")
    nightcal("users", "add", "olga", "--role", "operator", "--generate")
    with monkeypatch.context() as patch:
        patch.delenv("FARM_MAIL")
        refused = nightcal("users", "notify", "ada", "ada@example.org")
    assert "mail_env FARM_MAIL is not set" in refused.sentence()
    assert nightcal("users", "notify", "ada", "ada@example.org").status == 0
    assert "for operators" in nightcal("users", "notify", "ada", "a@b.de", "--events", "alarm").sentence()
    assert "no event 'alarms'" in nightcal("users", "notify", "olga", "-", "--events", "alarms").sentence()
    assert "no account 'eve'" in nightcal("users", "notify", "eve", "a@b.de").sentence()
    assert "or --none" in nightcal("users", "notify", "ada").sentence()
    bad = nightcal("users", "notify", "ada", f"nonsense://{SECRET}")
    assert "the address is none that Apprise understands" in bad.sentence()
    assert SECRET not in bad.err
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{hook.url}\n"))
    assert nightcal("users", "notify", "olga", "-", "--events", "alarm,stale").status == 0
    listed = json.loads(nightcal("notify", "list", "--json").out)["addresses"]
    assert {one["to"]: one["events"] for one in listed} == {
        "@ops (json)": ["alarm", "night_report"],
        "ada (mailtos)": [],
        "olga (json)": ["alarm", "stale"],
    }
    assert "olga (json)" in nightcal("notify", "list").out
    assert nightcal("notify", "test", "--to", "olga").out == "olga (json): sent\n"
    assert nightcal("users", "notify", "olga", "--none").status == 0
    assert "olga" not in nightcal("notify", "list").out


def test_without_the_section_a_sentence_says_so(nightcal: Nightcal, tmp_path: Path) -> None:
    write_config(tmp_path)
    assert "the config has no [notify]" in nightcal("notify", "test").sentence()
