"""Functions compiled by numba, which nightcal[fast] installs; without it this raises ImportError."""

from __future__ import annotations

from typing import Any

import numba


def compiled(function: Any) -> Any:
    """Compiled at its first call: once for a machine where a folder can be written, else for each process.

    Arithmetic is IEEE's, step by step, so that results equal numpy's; a division by 0 raises nothing.
    """
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:
        return numba.njit(nogil=True, error_model="numpy")(function)
