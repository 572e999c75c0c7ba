"""The pages document everything in the code: every function, error and command."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

import make_command_reference
import make_function_reference
import make_gallery
from matnet import errors

PROJECT = Path(__file__).parent.parent
DOCS = PROJECT / "docs"
DRAWN = {DOCS / "guide" / f"{name}.svg" for name in make_gallery.NAMES} | {DOCS / "pump-live.html"}
"""The pictures that are drawn while the site is built, and the page that computes."""

ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.MatnetError)]


def test_the_page_of_the_functions_is_in_step_with_the_rows() -> None:
    page = make_function_reference.PAGE.read_text(encoding="utf-8")
    assert page == make_function_reference.reference(), "run python scripts/site/make_function_reference.py"


def test_the_page_of_the_commands_is_in_step_with_the_commands() -> None:
    page = make_command_reference.PAGE.read_text(encoding="utf-8")
    assert page == make_command_reference.reference(), "run python scripts/site/make_command_reference.py"


def test_every_command_and_option_explains_itself() -> None:
    for name, command in make_command_reference.commands():
        assert command.help, name
        assert command.get_short_help_str(), name
        for option in command.params:
            assert isinstance(option, click.Argument) or getattr(option, "help", None), f"{name} {option.name}"


def test_the_readme_names_every_command() -> None:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    for name, _ in make_command_reference.commands():
        assert f"`matnet {name} " in text, name


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_is_on_the_page_of_the_errors(kind: type) -> None:
    text = (DOCS / "errors.md").read_text(encoding="utf-8")
    if kind is errors.MatnetError:
        assert "`matnet.MatnetError`" in text
    else:
        row = re.search(rf"^\| `{kind.__name__}` \| `(\w+)` \|", text, flags=re.MULTILINE)
        assert row is not None
        assert row[1] == kind.__bases__[-1].__name__


@pytest.mark.parametrize("page", [PROJECT / "README.md", *sorted(DOCS.glob("**/*.md"))], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)#]+)", prose):
        assert (page.parent / link).is_file() or page.parent / link in DRAWN, link


def test_the_readme_leads_to_every_page() -> None:
    links = re.findall(r"\]\((docs/[^)#]+)", (PROJECT / "README.md").read_text(encoding="utf-8"))
    assert set(links) >= {path.relative_to(PROJECT).as_posix() for path in DOCS.glob("*.md")}


def test_the_architecture_names_what_is_there() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(matnet/[\w/.]+)`", text))
    assert named
    assert not [name for name in sorted(named) if not (PROJECT / name).exists()]
    rooms = {path.parent.name for path in PROJECT.glob("matnet/*/__init__.py")}
    assert rooms <= {name.split("/")[1] for name in named}
