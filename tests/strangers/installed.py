"""Where other people's programs are; a test that lacks one skips, and in CI fails."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from shutil import which

import pytest

FOREIGN_PYTHON = Path(__file__).parents[2] / ".venv-foreign" / "bin" / "python"


def program(name: str, package: str) -> str:
    """The path of a program of the system."""
    path = which(name)
    return path if path is not None else _missing(f"{name} is missing: apt install {package}")


def foreign_python(module: str) -> str:
    """The Python that can import somebody else's `module`."""
    probe = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    if FOREIGN_PYTHON.exists() and not subprocess.run([FOREIGN_PYTHON, "-c", probe], check=False).returncode:
        return str(FOREIGN_PYTHON)
    return _missing(f"{module} is missing: `make test` installs it into .venv-foreign")


def _missing(what: str) -> str:
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)
