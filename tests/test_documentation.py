"""What the code has, the pages say: every function, error and command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from make_function_reference import PAGE, reference
from matnet import errors

DOCS = Path(__file__).parent.parent / "docs"
ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.MatnetError)]


def test_the_page_of_the_functions_is_in_step_with_the_rows() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run python scripts/make_function_reference.py"


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_is_on_the_page_of_the_errors(kind: type) -> None:
    text = (DOCS / "errors.md").read_text(encoding="utf-8")
    if kind is errors.MatnetError:
        assert "`matnet.MatnetError`" in text
    else:
        row = re.search(rf"^\| `{kind.__name__}` \| `(\w+)` \|", text, flags=re.MULTILINE)
        assert row is not None
        assert row[1] == kind.__bases__[1].__name__
