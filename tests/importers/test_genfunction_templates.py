"""Statements written as MATLAB with holes: what they match, and what stands in the holes."""

from __future__ import annotations

import pytest

from matnet.importers.genfunction.syntax import joined
from matnet.importers.genfunction.templates import matched, reads
from matnet.importers.genfunction.tokens import Scanner

TAPS = "cat(1,<ring>{mod(<position>-<delays>-1,<slots:count>)+1})"
SAMPLES = "if ~isempty(X), <name> = size(X{1},<dimension>); else, <name> = 0; end"


def found(template: str, text: str) -> dict[str, str] | None:
    return matched((template,), joined(list(Scanner(text).lines())))


@pytest.mark.parametrize(
    ("template", "text", "expected"),
    [
        ("<ring> = cell(1,<slots:count>)", "Xd1=cell( 1, 3 ); % two delays", {"ring": "Xd1", "slots": "3"}),
        ("<ring>=cell(1,<slots:count>)", "Xd1 = cell(1,n);", None),
        ("<ring> = cell(1,<slots:count>)", "Xd1.a = cell(1,3);", None),
        ("<> = cell(1,<:count>)", "Xd1 = cell(1,3)", {}),
        (
            TAPS,
            "cat(1,Xd1{mod(xdts-[1 2]-1,3)+1})",
            {"ring": "Xd1", "position": "xdts", "delays": "[1 2]", "slots": "3"},
        ),
        (TAPS, "cat(1,Xd1{mod(xdts-[1;2]-1,3)+1})", None),
        (TAPS, "cat(1,Xd1{mod(xdts-1.5-1,3)+1})", None),
        (TAPS, "cat(1,Xd1{mod(xdts-0-1,3) +1})", None),
        (
            SAMPLES,
            "if ~isempty(X)\n  Q = size(X{1},2); % samples\nelse\n  Q = 0;\nend",
            {"name": "Q", "dimension": "2"},
        ),
        (SAMPLES, "if ~isempty(X)\n  Q = size(X{1},2);\nelse\n  R = 0;\nend", None),
        (SAMPLES, "if ~isempty(X)\n  Q = size(X{1},3);\nelse\n  Q = 0;\nend", None),
        ("error(<:string>)", "error('it''s (1);')", {}),
        ("error(<:string>)", "error('a',x)", None),
        ("[<states:any> zeros(<:count>,1)]", "[f(x1,[1 2]) zeros(2,1)]", {"states": "f(x1,[1 2])"}),
    ],
)
def test_what_stands_in_the_holes(template: str, text: str, expected: dict[str, str] | None) -> None:
    assert found(template, text) == expected


def test_the_first_template_that_matches_counts() -> None:
    templates = ("repmat(<bias>,1,<samples>)", "<bias>")
    assert matched(templates, "b1") == {"bias": "b1"}
    assert matched(templates, "repmat(b1,1,Q)") == {"bias": "b1", "samples": "Q"}
    assert matched(templates, "b1+1") is None


def test_a_method_that_reads_takes_a_text() -> None:
    class Reader:
        @reads("size(<name>,<dimension>)", "numel(<name>)")
        def counted(self, name: str, dimension: str = "") -> str:
            """A docstring."""
            return f"{name} {dimension}"

    assert Reader().counted("size(x1,2)") == "x1 2"
    assert Reader().counted("numel(x1)") == "x1 "
    assert Reader().counted("size(x1,3)") is None
    assert Reader.counted.__doc__ == "A docstring."
