"""One process at a time works with a device, and whoever dies gives it back at once."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from capture.device_locks import holding
from capture.errors import BadInput, StoreError

NOW = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
CAMERA, WHEEL = "camera 127.0.0.1:11111/0", "filter_wheel 127.0.0.1:11111/0"
HOLDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from capture.device_locks import holding
with holding([sys.argv[1]], datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC), Path(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_is_refused_in_one_sentence_that_names_device_pid_and_since_when(tmp_path: Path) -> None:
    with (
        holding([CAMERA, WHEEL], NOW, tmp_path),
        pytest.raises(BadInput) as refused,
        holding([CAMERA], NOW, tmp_path),
    ):
        pass
    assert str(refused.value) == (
        f"the {CAMERA} is in use by another nightcal (pid {os.getpid()}, since 2026-11-22 03:04:05 UTC): "
        "end that first, or ask it with nightcal status"
    )


def test_who_is_refused_one_device_keeps_none_of_the_others(tmp_path: Path) -> None:
    with holding([WHEEL], NOW, tmp_path):
        with pytest.raises(BadInput), holding([CAMERA, WHEEL], NOW, tmp_path):
            pass
        with holding([CAMERA], NOW, tmp_path):
            pass


def test_devices_of_different_types_at_one_address_are_different_devices(tmp_path: Path) -> None:
    with holding([CAMERA], NOW, tmp_path), holding([WHEEL], NOW, tmp_path):
        pass


def test_a_process_that_is_killed_holds_nothing_any_more(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, CAMERA, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(BadInput, match=rf"\(pid {other.pid}, "), holding([CAMERA], NOW, tmp_path):
            pass
        other.kill()
        other.wait()
    with holding([CAMERA], NOW, tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_said_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="XDG_STATE_HOME"), holding([CAMERA], NOW, tmp_path / "file" / "x"):
        pass
