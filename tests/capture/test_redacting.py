"""Secrets taken out of texts, whichever way they are written, and nothing else."""

from __future__ import annotations

import pytest

from capture.notices.apprising import secrets_of
from capture.redacting import redacted, without


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ftp://obs:pa@ss@host/in is away", "ftp://obs:***@host/in is away"),
        ("'mailtos://u:p%40ss@smtp.example.org?to=a@b.de'", "'mailtos://u:***@smtp.example.org?to=a@b.de'"),
        ("http://u:pa?ss@[::1]:80/", "http://u:***@[::1]:80/"),
        ("postgresql+psycopg://cal:secret@db/cal", "postgresql+psycopg://cal:***@db/cal"),
        ("GET /api?token=abc&rig=T1", "GET /api?token=***&rig=T1"),
        ("PASSWORD=hunter2; tried again", "PASSWORD=***; tried again"),
        ("http://127.0.0.1:11111/api/v1/camera/0", "http://127.0.0.1:11111/api/v1/camera/0"),
        ("sftp://obs@host:22/in", "sftp://obs@host:22/in"),
        ("12:30 UTC: gain=4, T1 a@b", "12:30 UTC: gain=4, T1 a@b"),
        ("https://h/a:b and c@d", "https://h/a:b and c@d"),
    ],
)
def test_passwords_in_addresses_and_after_their_names_are_hidden(text: str, shown: str) -> None:
    assert redacted(text) == shown
    assert redacted(shown) == shown


@pytest.mark.parametrize(
    ("url", "said", "shown"),
    [
        (
            "tgram://12345:ABCdef/777",
            "POST api.telegram.org/bot12345:ABCdef",
            "POST api.telegram.org/bot***:***",
        ),
        ("json://u:p%2Fssword@hook/path?+key=value", "401 for p/ssword of value", "401 for *** of ***"),
        ("mailto://u:a+long+one@smtp.b.de?to=a", "smtp.b.de took no 'a long one'", "smtp.b.de took no '***'"),
        ("mailto://u:abc@smtp.b.de", "smtp.b.de fabcated", "smtp.b.de fabcated"),
    ],
)
def test_what_a_service_says_loses_all_parts_of_its_address(url: str, said: str, shown: str) -> None:
    assert without(said, secrets_of(url)) == shown
