"""Secrets stand where they were put and nowhere else: planted everywhere, looked for in all that is told."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from capture.cli.console import journal_printer
from capture.clock import SimulatedClock
from capture.config import parse_config
from capture.journal import Journal, jsonl_listener
from capture.members.accounts import create
from capture.members.roles import Role
from capture.night.farm import open_farm
from capture.night.scheduler import serve_nights
from capture.store.notices import NoticeState
from simulators import Observatory, serve
from tests.capture.cli.command import CONFIG, NOBODY, Nightcal, write_config
from tests.capture.notices.sink import mail_server
from tests.nights.harness import AFTERNOON, settings
from tests.nights.test_the_service import few_frames

SECRETS = {
    "ftp": "ftpSecret77", "ops": "opsSecret77", "hook": "hookSecret77", "token": "tokenSecret77",
    "mail": "mailSecret77", "ada": "adaSecret77", "said": "saidSecret77",
}  # fmt: skip
SECTIONS = """
[[delivery]]
to = "public"
place = "ftp://obs@127.0.0.1:{port}/in"
password_file = "ftp.password"
[notify]
mail_env = "FARM_MAIL"
[[notify.channel]]
name = "ops"
url_file = "ops.url"
"""


@contextmanager
def ftp_that_repeats_the_password() -> Iterator[int]:
    """Lets nobody in, and says so in the words of the badly mannered."""

    class Talk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 hello\r\n")
            while line := self.rfile.readline().decode().strip():
                command, _, said = line.partition(" ")
                known = {"USER": "331 and the password?", "PASS": f"530 {said} is not your password"}
                self.wfile.write(f"{known.get(command, '502 no')}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_no_secret_is_found_in_anything_that_a_night_writes_prints_or_sends(
    nightcal: Nightcal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = SimulatedClock(AFTERNOON, timedelta(days=3))
    observatory = Observatory(clock, settings())
    with mail_server() as sink, ftp_that_repeats_the_password() as port, serve(observatory) as server:
        path = write_config(tmp_path, text=few_frames(server.address) + SECTIONS.format(port=port))
        hook = "json://hook:{hook}@127.0.0.1:1/{token}?+x-token={token}".format(**SECRETS)
        urls = (sink.url("ops", SECRETS["ops"], "ops@example.org"), hook)
        for name, text in (("ops.url", "\n".join(urls)), ("ftp.password", SECRETS["ftp"])):
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o600)
        monkeypatch.setenv("FARM_MAIL", sink.url("farm", SECRETS["mail"], "nobody@example.org"))
        config = parse_config(path.read_text(), path)

        def body() -> None:
            journal = Journal(clock)
            journal.listen(journal_printer(as_json=True))
            journal.say("roof", "alarm", "said before anybody listened")
            with open_farm(config, clock, journal) as farm:
                journal.listen(jsonl_listener(config.storage.folder / "journal.jsonl"))
                catalogue, now = farm.archive.catalogue, clock.now()
                create(catalogue.accounts, "ada", Role.MEMBER, now)
                catalogue.accounts.set_address("ada", "ada@example.org")
                catalogue.notices.add("ada", "request_ready", "Your request 1 is ready", "3 frames", now)
                clock.spawn(
                    lambda: journal.say(
                        "T1", "alarm", f"smtp://u:{SECRETS['said']}@h?token={SECRETS['said']}"
                    ),
                    "somebody",
                )
                serve_nights(farm, journal, AFTERNOON + timedelta(hours=22))
                states = {row.account: row.state for row in catalogue.notices.waiting()}
                assert states == {"@ops#2": NoticeState.WAITING}

        clock.run(body)
        printed = capsys.readouterr()
        told = [
            nightcal("doctor", "--seconds", "0.2"),
            nightcal("status", "--json"), nightcal("notify", "list"), nightcal("notify", "list", "--json"),
            nightcal("notify", "test"), nightcal("delivery", "list", "--json"), nightcal("delivery", "send"),
        ]  # fmt: skip

    to_ada = [mail["Subject"] for mail in sink.mails if mail["To"] == "ada@example.org"]
    assert to_ada == ["Test Ridge: Your request 1 is ready", "Test Ridge: a test"]
    assert any("said before anybody listened" in str(mail) for mail in sink.mails)
    (report,) = [mail for mail in sink.mails if "21 to 22 November 2026" in mail["Subject"]]
    text = report.get_body(("plain",))
    assert text is not None
    assert "T1" in text.get_content().splitlines()
    assert "- bias: 4 good of 4" in text.get_content().splitlines()
    (whole,) = report.iter_attachments()
    assert whole.get_payload(decode=True) == (config.storage.folder / "reports/2026-11-21.html").read_bytes()

    written = {
        file.name: file.read_bytes()
        for file in tmp_path.rglob("*")
        if file.is_file() and file.name not in ("ops.url", "ftp.password")
    }
    assert {"journal.jsonl", "nightcal.toml", "2026-11-21.html"} <= set(written)
    written |= {f"what command {n} says": (one.out + one.err).encode() for n, one in enumerate(told)}
    written |= {f"mail {n}": raw for n, raw in enumerate(sink.raw)}
    written["the terminal"] = (printed.out + printed.err).encode()
    found = {
        (name, what) for what, data in written.items() for name, it in SECRETS.items() if it.encode() in data
    }
    assert found == set()
    for line in written["journal.jsonl"].decode().splitlines():
        assert {"time", "source", "kind", "text"} <= set(json.loads(line))
    alarms = [
        json.loads(line) for line in written["journal.jsonl"].decode().splitlines() if '"alarm"' in line
    ]
    # Were they not tried, nothing would have been looked for.
    assert {"post", "notices", "T1"} <= {one["source"] for one in alarms}


@pytest.mark.parametrize(
    "section",
    [
        '[[delivery]]\nto = "ada"\nplace = "sftp://ada:{secret}@h/in"\n',
        '[[delivery]]\nto = "ada"\nplace = "http://ada:{secret}@h/in"\n',
        '[[notify.channel]]\nname = "ops"\nurl_file = "json://u:{secret}@h"\n',
        '[web]\nuser_header = "token={secret} "\n',
    ],
)
def test_a_secret_in_the_config_is_not_repeated_by_the_sentence_that_refuses_it(
    nightcal: Nightcal, tmp_path: Path, section: str
) -> None:
    write_config(tmp_path, text=CONFIG + section.format(secret="s3cretWord"))
    ended = nightcal("serve")
    assert ended.status == 2
    assert "s3cretWord" not in ended.out + ended.err


def test_a_database_s_password_is_in_no_message(nightcal: Nightcal, tmp_path: Path) -> None:
    database = f'database = "postgresql://cal:s3cretWord@{NOBODY}/cal?password=s3cretWord"'
    write_config(tmp_path, text=CONFIG.replace('folder = "archive"', f'folder = "archive"\n{database}'))
    (tmp_path / "archive").mkdir()
    for command in (("status",), ("notify", "list")):
        ended = nightcal(*command)
        assert ended.status in (2, 4)
        assert "s3cretWord" not in ended.out + ended.err
