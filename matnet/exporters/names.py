"""Names that reach a written file: identifiers that no target language objects to, and text fit for any comment."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence

from matnet.errors import UnsupportedError

_LONGEST = 63  # MATLAB's namelengthmax

# the keywords of C99 and of C++, whose compilers see the same file, and what math.h and the linker take
_C_WORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int long register
restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
alignas alignof and asm bool catch class constexpr decltype delete explicit export false friend mutable namespace new
noexcept not nullptr operator or private protected public static_assert template this throw true try typeid typename
using virtual xor main NAN INFINITY
"""

# MATLAB's keywords, then Octave's
_MATLAB_WORDS = """
break case catch classdef continue else elseif end for function global if otherwise parfor persistent return spmd
switch try while
do until unwind_protect unwind_protect_cleanup end_try_catch end_unwind_protect endfor endfunction endif endparfor
endswitch endwhile
"""

_KEYWORDS = {
    "C": frozenset(_C_WORDS.split()),
    "MATLAB": frozenset(_MATLAB_WORDS.split()),
    "Python": frozenset(keyword.kwlist),
}


def identifier(text: str, what: str) -> str:
    """`text`, which must be a name in C, MATLAB and Python alike.

    Raises
    ------
    UnsupportedError
        It is none.
    """
    advice = "give one of letters, digits and _ that begins with a letter"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text):
        raise UnsupportedError(f"{what} is {text!r}, which is no identifier; {advice}")
    if len(text) > _LONGEST:
        raise UnsupportedError(f"{what} has {len(text)} characters, MATLAB takes {_LONGEST}: {text[:20]}…")
    for language, words in _KEYWORDS.items():
        if text in words:
            raise UnsupportedError(f"{what} is {text!r}, a keyword of {language}; give another")
    return text


def checked_names(
    inputs: Sequence[str] | None, outputs: Sequence[str] | None, input_size: int, output_size: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the inputs' and outputs' elements: those given, or x1, x2, … and y1, y2, ….

    Raises
    ------
    UnsupportedError
        There are too many or too few, one is no identifier, or two are the same.
    """
    found: list[tuple[str, ...]] = []
    for what, given, size, letter in (("input", inputs, input_size, "x"), ("output", outputs, output_size, "y")):
        names = tuple(f"{letter}{number}" for number in range(1, size + 1)) if given is None else tuple(given)
        if len(names) != size:
            raise UnsupportedError(f"{len(names)} {what} names are given, the network has {size} {what} elements")
        found.append(tuple(identifier(name, f"{what} name {number}") for number, name in enumerate(names, start=1)))
    together = [*found[0], *found[1]]
    twice = sorted({name for name in together if together.count(name) > 1})
    if twice:
        raise UnsupportedError(f"a name is given twice: {', '.join(twice)}; every input and output needs its own")
    return found[0], found[1]


def plain(text: str) -> str:
    """Text from a file with every character that could end a comment, or mean anything in a language, replaced."""
    return re.sub(r"[^A-Za-z0-9 ._:,/(){}=+-]", "_", text)[:200]


def documented(names: Sequence[str], ranges: Sequence[Sequence[float]]) -> list[str]:
    """One line an element: its place, its name and the range that it had in training, where known."""
    lines = []
    for number, (name, (low, high)) in enumerate(zip(names, ranges, strict=True), start=1):
        known = f", {low:.6g} to {high:.6g} in training" if low <= high else ""
        lines.append(f"{number}: {name}{known}")
    return lines
