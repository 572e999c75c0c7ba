"""The C compiler of this machine."""

from __future__ import annotations

import shlex
import shutil

from matnet.errors import UnsupportedError

NAMES = ("cc", "gcc", "clang")


def c_compiler(chosen: str) -> tuple[tuple[str, ...], str]:
    """The command of the C compiler, or an empty one with the reason why there is none.

    Parameters
    ----------
    chosen
        The variable CC. It may contain arguments, as in 'ccache gcc'; if it is empty, cc, gcc or clang is taken.

    Raises
    ------
    UnsupportedError
        The variable cannot be parsed.
    """
    try:
        words = shlex.split(chosen)
    except ValueError as error:
        raise UnsupportedError(f"the variable CC is {chosen!r}, which cannot be parsed: {error}") from error
    for first in words[:1] or NAMES:
        path = shutil.which(first)
        if path:
            return (path, *words[1:]), ""
    listed = f"{', '.join(NAMES[:-1])} or {NAMES[-1]}"
    return (), f"the variable CC names '{chosen}', which is not there" if words else f"there is no {listed}"
