"""The address space of this process, which the system may limit (`ulimit -v`).

Where libraries get no more addresses, they may end the process or wait for ever, so they are only started with enough.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from matnet.errors import MatnetError

if sys.platform != "win32":
    import resource


def check_addresses(what: str, needed: int, kind: type[MatnetError]) -> None:
    """Checks that this process may take more bytes of address space, for `what`.

    Raises
    ------
    MatnetError
        Of `kind`: it may not.
    """
    if sys.platform == "win32":
        return
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY:
        return
    free = max(0, most - addresses_and_data()[0])
    if free < needed:
        raise kind(
            f"{what} takes {needed >> 20} MiB of address space, and this process may take only {free >> 20} MiB more; "
            "give it more (ulimit -v)"
        )


def addresses_and_data() -> tuple[int, int]:
    """Bytes of address space and of data that this process has; 0 where the system does not say."""
    try:
        numbers = Path("/proc/self/statm").read_text(encoding="ascii").split()
    except OSError:
        return 0, 0
    page = os.sysconf("SC_PAGE_SIZE")
    return int(numbers[0]) * page, int(numbers[5]) * page
