"""The C compiler that compiled networks need: tests that build code are skipped where there is none."""

from __future__ import annotations

import shutil

import pytest


@pytest.fixture(scope="session")
def c_compiler() -> str:
    """Where it is."""
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if found is None:
        pytest.skip("there is no C compiler: no cc, gcc or clang")
    return found
