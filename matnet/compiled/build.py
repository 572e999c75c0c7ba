"""From C to loaded machine code, by way of the user's own cache folder.

An entry's name is the hash of all that it was made from and the hash of its own bytes; both are compared before it is
loaded. It is built in a folder beside its place and moved there when it is whole and has been checked, so several
processes may build at once.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from matnet.errors import MissingExtraError, UnsupportedError

_NAMES = ("cc", "gcc", "clang")
_FLAGS = ("-std=gnu11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fPIC", "-shared")
_WANTED = ("-fopenmp-simd", "-march=native", "-mprefer-vector-width=512")
"""What makes code fast where the compiler knows it; the last is the first to go."""
_SECONDS = 300


@dataclass(frozen=True)
class Compiler:
    """A C compiler with the flags that it takes, and the hash of what it says about itself and this machine."""

    path: str
    flags: tuple[str, ...]
    identity: str


@cache
def compiler() -> Compiler:
    """The C compiler of this machine: what the variable CC names, else cc, gcc or clang.

    Raises
    ------
    MissingExtraError
        There is none.
    UnsupportedError
        It takes not even the simplest flags, or this is no Unix.
    """
    if not hasattr(os, "getuid"):
        raise UnsupportedError("matnet.compile works on Linux and macOS; use the network itself")
    chosen = os.environ.get("CC")
    paths = [shutil.which(name) for name in ([chosen] if chosen else _NAMES)]
    path = next((found for found in paths if found), None)
    if path is None:
        looked = f"the variable CC names '{chosen}', which is not there" if chosen else f"there is no {_listed(_NAMES)}"
        raise MissingExtraError(
            f"matnet.compile needs a C compiler, and {looked}; install one (Debian, Ubuntu: apt install gcc libc6-dev; "
            "Fedora: dnf install gcc; macOS: xcode-select --install; conda: conda install c-compiler), "
            "or use the network itself"
        )
    complaint = ""
    for count in range(len(_WANTED), -1, -1):
        flags = (*_FLAGS, *_WANTED[:count])
        # every macro that is defined: the compiler's version and all that -march=native has found this machine to have
        command = [path, *flags, "-dM", "-E", "-x", "c", "-"]
        asked = subprocess.run(command, input="#include <math.h>\n", capture_output=True, text=True, check=False)
        if not asked.returncode:
            return Compiler(path, flags, hashlib.sha256(asked.stdout.encode()).hexdigest())
        complaint = asked.stderr.strip()
    raise UnsupportedError(f"the C compiler {path} does not work: {complaint[:1000]}")


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def cache_folder() -> Path:
    """Where compiled networks are kept: `matnet/compiled` in XDG_CACHE_HOME, else in the platform's cache folder."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):
        parent = Path(given)
    else:
        parent = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return parent / "matnet" / "compiled"


def built(source: str, check: Callable[[ctypes.CDLL], None]) -> ctypes.CDLL:
    """The loaded code of a C source: from the cache, or compiled, checked and put there.

    Parameters
    ----------
    source
        The text of the file.
    check
        Called with newly compiled code; what it raises keeps the code out of the cache.

    Raises
    ------
    MissingExtraError
        There is no C compiler.
    UnsupportedError
        It fails, or the cache folder cannot be written or is not the user's alone.
    """
    with_what = compiler()
    parts = (source, _version(), with_what.path, " ".join(with_what.flags), with_what.identity)
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    folder = _own_folder()
    for entry in sorted(folder.glob(f"{key}-*.so")):
        if _is_ours(entry):
            return _loaded(entry)
        try:
            entry.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from error
    return _built(source, key, folder, with_what, check)


def _version() -> str:
    try:
        return importlib.metadata.version("matnet")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"  # run from its source


def _own_folder() -> Path:
    folder = cache_folder()
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
    except OSError as error:
        raise _unwritable(folder, error) from error
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or stat.S_IMODE(state.st_mode) & 0o077:
        raise UnsupportedError(
            f"{folder} must be a folder of your own that nobody else may enter (mode 0700), since code is loaded from "
            "it; remove it, or set XDG_CACHE_HOME to another place"
        )
    return folder


def _unwritable(folder: Path, error: OSError) -> UnsupportedError:
    return UnsupportedError(
        f"{folder}: compiled networks are kept there, and it cannot be written ({error.strerror}); set XDG_CACHE_HOME "
        "to a folder that can, or use the network itself"
    )


def _is_ours(entry: Path) -> bool:
    """Whether an entry is a file of the user's that only he may change, and holds the bytes that its name tells."""
    try:
        handle = os.open(entry, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    with os.fdopen(handle, "rb") as file:
        state = os.fstat(file.fileno())
        private = stat.S_ISREG(state.st_mode) and state.st_uid == os.getuid() and not state.st_mode & 0o022
        return private and entry.stem.endswith("-" + hashlib.sha256(file.read()).hexdigest())


def _loaded(path: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise UnsupportedError(
            f"{path} cannot be loaded ({error}); if programs may not be run from there, set XDG_CACHE_HOME to another "
            "place"
        ) from error


def _built(
    source: str, key: str, folder: Path, with_what: Compiler, check: Callable[[ctypes.CDLL], None]
) -> ctypes.CDLL:
    with _workplace(folder) as place:
        text, made = place / "kernel.c", place / "kernel.so"
        try:
            text.write_text(source, encoding="ascii")
        except OSError as error:
            raise _unwritable(folder, error) from error
        _compile(with_what, text, made, folder / f"{key}.c")
        content = made.read_bytes()
        made.chmod(0o700)
        library = _loaded(made)
        check(library)
        os.replace(made, folder / f"{key}-{hashlib.sha256(content).hexdigest()}.so")
        return library


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """A folder of this process alone, gone afterwards."""
    try:
        place = Path(tempfile.mkdtemp(prefix="building-", dir=folder))
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _compile(with_what: Compiler, text: Path, made: Path, kept: Path) -> None:
    command = [with_what.path, *with_what.flags, "-w", str(text), "-o", str(made), "-lm"]
    try:
        done = subprocess.run(command, cwd=text.parent, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired as error:
        os.replace(text, kept)
        raise UnsupportedError(
            f"{with_what.path} is not done after {_SECONDS} s; the source is kept as {kept}"
        ) from error
    if done.returncode:
        os.replace(text, kept)
        told = done.stderr.strip().replace(str(text), str(kept))[:2000]
        raise UnsupportedError(f"{with_what.path} fails ({done.returncode}); the source is kept as {kept}:\n{told}")
