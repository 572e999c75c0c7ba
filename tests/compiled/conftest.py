"""The C compiler that compiled networks need: tests that build code are skipped where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def c_compiler() -> Iterator[str]:
    """Where the system's is, which is used unless a test says otherwise."""
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if found is None:
        pytest.skip("there is no C compiler: no cc, gcc or clang")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CC", found)
        yield found
