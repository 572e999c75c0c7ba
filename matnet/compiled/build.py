"""From C to loaded machine code, through the user's own cache folder.

An entry's name contains the hash of its inputs and the hash of its own bytes; both are checked before it is loaded. It
is built in a folder beside it and moved into place when it is complete and checked, so several processes may build at
once. Only the user must be able to change the code that is loaded: every folder of the path belongs to the user or the
system, and the bytes that are loaded are those that were checked, in a file that no other program knows.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from matnet.errors import MissingExtraError, UnsupportedError
from matnet.exporters.compilers import c_compiler
from matnet.exporters.running import finished, on_one_line
from matnet.version import version

_FLAGS = ("-std=gnu11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-shared")
_WANTED = ("-fopenmp-simd", "-march=native", "-mprefer-vector-width=512")
"""Optimization flags; those that the compiler does not accept are dropped, the last ones first."""
_SECONDS, _SECONDS_TO_ANSWER = 300, 60
"""The time limits for compiling, and for the compiler's description of itself."""

_BUILDING = "building-"

_OPENED_WITH = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
"""The flags with which an entry of the cache is opened, if the system has them."""

_DAYS, _BYTES = 90, 256 << 20
"""Entries unused for this many days are removed at the next build, as are the oldest if all exceed this many bytes."""


@dataclass(frozen=True)
class Compiler:
    """A C compiler: its command, its flags, and the hash of its description of itself and this machine.

    ``bundled`` is true for the one that the extra `compile` installs.
    """

    command: tuple[str, ...]
    flags: tuple[str, ...]
    bundled: bool
    identity: str


def compiler() -> Compiler:
    """The C compiler: the one in the variable CC, else that of matnet[compile], else cc, gcc or clang.

    Raises
    ------
    MissingExtraError
        There is none.
    UnsupportedError
        It cannot be run, or rejects even the simplest flags.
    """
    return _compiler(os.environ.get("CC", ""), os.environ.get("PATH", ""))


@cache
def _compiler(chosen: str, path: str) -> Compiler:
    """The compiler for these values of CC and PATH."""
    command = _command(chosen)
    bundled = command == _bundled()
    own = [] if os.name == "nt" else ["-fPIC"]
    if bundled and sys.platform != "darwin":
        own.append("-nostdlib")  # the code needs no library, and without one the compiler need not build its own
    complaint = ""
    for count in range(len(_WANTED), -1, -1):
        flags = (*_FLAGS, *own, *_WANTED[:count])
        # all predefined macros: the compiler's version and all features of this machine that -march=native detects
        question = [*command, *flags, "-dM", "-E", "-x", "c", "-"]
        try:
            with tempfile.TemporaryDirectory() as folder:
                answer = finished(question, seconds=_SECONDS_TO_ANSWER, variables=_caches(folder) if bundled else None)
        except OSError as error:
            complaint = str(error.strerror or error)
            break
        except subprocess.TimeoutExpired:
            complaint = f"it has not answered after {_SECONDS_TO_ANSWER} s"
            break
        if not answer.returncode:
            return Compiler(command, flags, bundled, hashlib.sha256(answer.stdout.encode()).hexdigest())
        complaint = on_one_line(answer.stderr)
    raise UnsupportedError(f"the C compiler {shlex.join(command)} does not work: {complaint[:1000]}")


def _command(chosen: str) -> tuple[str, ...]:
    """The command of the compiler; CC may contain arguments, as in 'ccache gcc'."""
    bundled = _bundled()
    if not chosen.strip() and bundled is not None:
        return bundled
    command, reason = c_compiler(chosen)
    if command:
        return command
    raise MissingExtraError(
        f"matnet.compile needs a C compiler, and {reason}; install one (pip install 'matnet[compile]' brings one; "
        "Debian, Ubuntu: apt install gcc libc6-dev; Fedora: dnf install gcc; macOS: xcode-select --install; "
        "conda: conda install c-compiler), or use the network itself"
    )


def _bundled() -> tuple[str, ...] | None:
    """The command of the compiler that the extra `compile` installs, if it is there: clang, as a part of zig."""
    package = importlib.util.find_spec("ziglang")
    if package is None or package.origin is None:
        return None
    program = Path(package.origin).parent / ("zig.exe" if os.name == "nt" else "zig")
    return (str(program), "cc") if program.is_file() else None


def _caches(folder: str | Path) -> dict[str, str]:
    """The variables that make zig keep its files in a folder of its own, so that it never uses files built by
    others."""
    return {"ZIG_GLOBAL_CACHE_DIR": str(folder), "ZIG_LOCAL_CACHE_DIR": str(folder)}


def cache_folder() -> Path:
    """Where compiled networks are kept: `matnet/compiled` in XDG_CACHE_HOME, else in the platform's cache folder."""
    home, profile = os.environ.get("XDG_CACHE_HOME", ""), os.environ.get("LOCALAPPDATA", "")
    if os.path.isabs(home):
        parent = Path(home)
    elif os.name == "nt":
        parent = Path(profile) if os.path.isabs(profile) else Path.home() / "AppData" / "Local"
    else:
        parent = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return parent / "matnet" / "compiled"


def built(source: str, check: Callable[[ctypes.CDLL], None]) -> ctypes.CDLL:
    """The loaded code of a C source: from the cache, or compiled, checked and added to it.

    Parameters
    ----------
    source
        The text of the file.
    check
        Called with newly compiled code; if it raises, the code is not cached.

    Raises
    ------
    MissingExtraError
        There is no C compiler.
    UnsupportedError
        It fails, or the cache folder cannot be written or is not the user's alone.
    """
    with_what = compiler()
    parts = (source, version(), shlex.join(with_what.command), shlex.join(with_what.flags), with_what.identity)
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    folder = _own_folder()
    for entry in sorted(folder.glob(f"{key}-*.so")):
        content = _checked_content(entry)
        if content is not None:
            with suppress(OSError):
                os.utime(entry)  # marks it as used
            return _loaded(content, folder)
        try:
            entry.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from error
    return _built(source, key, folder, with_what, check)


def _own_folder() -> Path:
    """The cache folder, created if it is missing; refused if others can change its contents.

    Windows has no owners and modes: there the folder is in the user's profile, which only they and the system may
    change.
    """
    folder = cache_folder()
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
        states = {parent: parent.stat() for parent in sorted(_on_the_way(folder))}
    except OSError as error:
        raise _unwritable(folder, error) from error
    if os.name == "nt":
        return folder
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or stat.S_IMODE(state.st_mode) & 0o077:
        raise UnsupportedError(
            f"{folder} must be a folder of your own that nobody else can enter (mode 0700), since code is loaded from "
            "it; remove it, or set XDG_CACHE_HOME to another folder"
        )
    for parent, status in states.items():
        if not _safe(status):
            raise UnsupportedError(
                f"{parent}, which holds compiled networks, can be changed by other users (owner {status.st_uid}, "
                f"mode {stat.S_IMODE(status.st_mode):04o}), but code is loaded from it; remove their write permission, "
                "or set XDG_CACHE_HOME to another folder"
            )
    return folder


def _on_the_way(folder: Path) -> set[Path]:
    """The folders above a folder, and those above whatever a link among them leads to, from link to link."""
    found = set(folder.parents)
    for part in (folder, *folder.parents):
        if part.is_symlink():
            found |= _on_the_way(part.parent / part.readlink())
    return found


def _safe(state: os.stat_result) -> bool:
    """Whether only the user and the system can change a folder's contents, or everyone only their own files, as in
    /tmp."""
    sticky = bool(state.st_mode & stat.S_ISVTX)
    return state.st_uid in (0, os.getuid()) and (sticky or not state.st_mode & 0o022)


def _unwritable(folder: Path, error: OSError) -> UnsupportedError:
    return UnsupportedError(
        f"compiled networks are kept there, and it cannot be written ({error.strerror}); set XDG_CACHE_HOME "
        "to a folder that can, or use the network itself",
        place=folder,
    )


def _checked_content(entry: Path) -> bytes | None:
    """The bytes of an entry, if only the user can change the file and the bytes match its name."""
    try:
        # must not wait for a pipe of that name
        handle = os.open(entry, os.O_RDONLY | _OPENED_WITH)
    except OSError:
        return None
    try:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            return None
        if os.name != "nt" and (state.st_uid != os.getuid() or state.st_mode & 0o022):
            return None
        content = b"".join(iter(lambda: os.read(handle, 1 << 20), b""))
    finally:
        os.close(handle)
    return content if entry.stem.endswith("-" + hashlib.sha256(content).hexdigest()) else None


_libraries: dict[str, ctypes.CDLL] = {}
"""The code that this process has loaded, by the hash of its bytes."""


def _loaded(content: bytes, folder: Path) -> ctypes.CDLL:
    """Checked code, loaded from a new file that no other program knows."""
    known = hashlib.sha256(content).hexdigest()
    if known not in _libraries:
        with _workspace(folder) as own:
            path = own / "kernel.so"
            try:
                path.write_bytes(content)
                path.chmod(0o700)
            except OSError as error:
                raise _unwritable(folder, error) from error
            _libraries[known] = _opened(path, folder)
    return _libraries[known]


def _opened(path: Path, folder: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        said = str(error).replace(str(path), "the compiled code")
        raise UnsupportedError(
            f"compiled code cannot be loaded from there ({said}); if programs may not be run from there, set "
            "XDG_CACHE_HOME to another place",
            place=folder,
        ) from error


def _built(
    source: str, key: str, folder: Path, with_what: Compiler, check: Callable[[ctypes.CDLL], None]
) -> ctypes.CDLL:
    _tidy(folder)
    with _workspace(folder) as own:
        text, made = own / "kernel.c", own / "kernel.so"
        try:
            text.write_text(source, encoding="ascii")
        except OSError as error:
            raise _unwritable(folder, error) from error
        _compile(with_what, text, made, folder / f"{key}.c")
        content = made.read_bytes()
        library = _loaded(content, folder)
        check(library)
        try:
            made.chmod(0o700)
            os.replace(made, folder / f"{key}-{hashlib.sha256(content).hexdigest()}.so")
        except OSError as error:
            raise _unwritable(folder, error) from error
        return library


def _tidy(folder: Path) -> None:
    """Removes remains of killed builds, entries unused for a long time, and the oldest of too many."""
    now, left = time.time(), _BYTES
    with suppress(OSError):  # another process may be doing the same
        states = [(path, path.lstat()) for path in folder.iterdir()]
        for path, state in sorted(states, key=lambda each: each[1].st_mtime, reverse=True):
            age = now - state.st_mtime
            if path.name.startswith(_BUILDING):
                if age > 2 * _SECONDS:
                    shutil.rmtree(path, ignore_errors=True)
                continue
            left -= state.st_size
            if stat.S_ISREG(state.st_mode) and (left < 0 or age > _DAYS * 86400):
                path.unlink(missing_ok=True)


@contextmanager
def _workspace(folder: Path) -> Iterator[Path]:
    """A folder for this process alone, removed afterwards."""
    try:
        own = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=folder))
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _compile(with_what: Compiler, text: Path, made: Path, kept: Path) -> None:
    name = shlex.join(with_what.command)
    command = [*with_what.command, *with_what.flags, "-w", str(text), "-o", str(made)]
    variables = _caches(text.parent) if with_what.bundled else None
    try:
        done = finished(command, text.parent, seconds=_SECONDS, variables=variables)
    except OSError as error:
        raise UnsupportedError(f"the C compiler {name} cannot be run: {error.strerror or error}") from error
    except subprocess.TimeoutExpired as error:
        raise UnsupportedError(f"{name} has not ended after {_SECONDS} s{_keep(text, kept)}") from error
    if done.returncode:
        note = _keep(text, kept)
        said = on_one_line(done.stderr.replace(str(text), str(kept)))[:2000]
        raise UnsupportedError(f"{name} fails ({done.returncode}){note}: {said}")
    if not made.is_file() or made.is_symlink():
        raise UnsupportedError(f"{name} ended without an error but wrote no file{_keep(text, kept)}")


def _keep(text: Path, kept: Path) -> str:
    """Keeps the source for a bug report, and says where."""
    try:
        os.replace(text, kept)
    except OSError:
        return ""
    return f"; the source is kept as {kept}"
