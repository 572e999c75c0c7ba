"""The reference of the Python interface as Markdown, from the docstrings: made while the site is built."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import matnet
from matnet import plots, report
from matnet.importers.arrays import read_array
from matnet.importers.training_record import TrainingRecord, read_training_record

_FIRST = {"load", "load_all", "Network", "Ensemble"}


def _others() -> tuple[Any, ...]:
    """The public functions and classes that are not errors and have no group of their own on the page."""
    members = [getattr(matnet, name) for name in matnet.__all__ if name not in _FIRST and name != "__version__"]
    return tuple(member for member in members if not (inspect.isclass(member) and issubclass(member, Exception)))


GROUPS: dict[str, tuple[Any, ...]] = {
    "Opening": (matnet.load, matnet.load_all),
    "Networks": (matnet.Network, matnet.Ensemble),
    "Taking it elsewhere": _others(),
    "What lies beside a network": (read_array, read_training_record, TrainingRecord),
    "Plots": tuple(getattr(plots, name) for name in plots.__all__),
    "Report": (report.page, report.Material),
}
"""What is described, in the order of the page."""

HEAD = """\
# Reference

Made from the docstrings. The rule for shapes: the last axis is the network's elements, everything before it is batch;
the shape of a derivative is the output's followed by the input's.
"""

_SECTION = re.compile(r"^(\w[\w ,]*)\n-{3,}$", flags=re.MULTILINE)
_LISTS = ("Parameters", "Raises")


def reference() -> str:
    """The page."""
    parts = [HEAD]
    for title, members in GROUPS.items():
        parts.append(f"## {title}\n")
        for member in members:
            parts += _described(member)
    return "\n".join(parts)


def _described(member: Any) -> Iterator[str]:
    module = "matnet" if hasattr(matnet, member.__name__) else member.__module__
    module = "matnet.plots" if member.__name__ in plots.__all__ and member in GROUPS["Plots"] else module
    yield from _entry(f"{module}.{member.__name__}", member, "###")
    if inspect.isclass(member):
        yield from _members(member)


def _members(kind: type) -> Iterator[str]:
    for name, member in vars(kind).items():
        if name == "__call__":
            yield from _entry(f"{kind.__name__}.__call__", member, "####")
        if name.startswith("_"):
            continue
        if isinstance(member, property) and member.__doc__:
            yield f"#### {kind.__name__}.{name}\n\n{markdown(member.__doc__)}\n"
        elif callable(member):
            yield from _entry(f"{kind.__name__}.{name}", member, "####")


def _entry(name: str, member: Callable[..., Any], level: str) -> Iterator[str]:
    signature = re.sub(r"'([^']*)'", r"\1", str(inspect.signature(member)))
    signature = signature.replace("(self, ", "(").replace("(self)", "()")
    yield f"{level} {name}\n\n```text\n{name.rpartition('.')[2]}{signature}\n```\n\n{markdown(member.__doc__ or '')}\n"


def markdown(docstring: str) -> str:
    """A docstring in numpydoc's form as Markdown."""
    text = inspect.cleandoc(docstring).replace("``", "`")
    pieces = _SECTION.split(text)
    parts = [pieces[0].strip()]
    for title, body in zip(pieces[1::2], pieces[2::2], strict=True):
        content = body.strip("\n")
        if title == "Examples":
            content = f"```python\n{content.strip()}\n```"
        elif title in _LISTS or re.search(r"^\S.*\n +\S", content):
            content = _listed(content)
        parts.append(f"**{title}**\n\n{content}")
    return "\n\n".join(parts)


def _listed(body: str) -> str:
    """Names with indented descriptions as a list."""
    items: list[list[str]] = []
    for line in body.splitlines():
        if line and not line.startswith(" "):
            items.append([line])
        elif items and line.strip():
            items[-1].append(line.strip())
    return "\n".join(f"- `{name}`: {' '.join(description)}" for name, *description in items)
