"""Where results go: whole or absent, with permissions kept, and links and devices treated correctly."""

from __future__ import annotations

import errno
import gzip
import io
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from matnet.errors import TableError
from matnet.tables.csv.streams import open_stream
from matnet.tables.target import open_target

posix = pytest.mark.skipif(sys.platform == "win32", reason="permissions, links and devices of POSIX")


def write(path: Path, text: bytes = b"new") -> None:
    with open_target(str(path), None) as target:
        target.write(text)


def write_half(path: Path, error: type[BaseException]) -> None:
    with open_target(str(path), None) as target:
        target.write(b"half")
        raise error


def refusal(path: Path) -> str:
    with pytest.raises(TableError) as raised:
        write(path)
    return str(raised.value)


def test_a_new_file(tmp_path: Path) -> None:
    write(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]


@pytest.mark.parametrize("before", [None, b"old"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, TableError, ZeroDivisionError])
def test_a_failure_leaves_the_folder_as_it_was(
    tmp_path: Path, before: bytes | None, error: type[BaseException]
) -> None:
    path = tmp_path / "out.csv"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(error):
        write_half(path, error)
    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == ([] if before is None else [before])


def nameless_files(folder: Path) -> bool:
    """Whether a file of this folder can be without a name, which not every system or file system has."""
    if sys.platform != "linux":
        return False
    try:
        os.close(os.open(folder, os.O_WRONLY | os.O_TMPFILE))
    except OSError:
        return False
    return True


def test_a_killed_process_leaves_nothing_where_a_file_can_be_nameless(tmp_path: Path) -> None:
    program = (
        "import os, sys; from matnet.tables.target import open_target\n"
        "with open_target(sys.argv[1], None) as target:\n    target.write(bytes(1 << 20)); target.flush(); os.abort()"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "out.csv")], stderr=subprocess.DEVNULL)
    assert killed.returncode
    left = [entry.name for entry in tmp_path.iterdir()]
    assert left == [] if nameless_files(tmp_path) else all(name.startswith(".out.csv.") for name in left)


@pytest.mark.parametrize("before", [None, b"old"])
@pytest.mark.parametrize("without", [errno.EOPNOTSUPP, errno.EISDIR])
def test_where_no_file_can_be_nameless_it_has_a_name_of_its_own(
    before: bytes | None, without: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EISDIR is how kernels before 3.11 refuse."""
    named = os.open

    def opened(path: str | Path, flags: int, mode: int = 0o777) -> int:
        if flags & getattr(os, "O_TMPFILE", 0) == getattr(os, "O_TMPFILE", -1):
            raise OSError(without, os.strerror(without))
        return named(path, flags, mode)

    monkeypatch.setattr(os, "open", opened)
    path = tmp_path / "out.csv"
    if before is not None:
        path.write_bytes(before)
        path.chmod(0o640)
    with open_target(str(path), None) as target:
        target.write(b"new")
        (unfinished,) = (entry.name for entry in tmp_path.iterdir() if entry != path)
        assert unfinished.startswith(".out.csv.")
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]
    assert path.read_bytes() == b"new"
    if before is not None and sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o640


@posix
@pytest.mark.parametrize("before", [None, b"old"])
def test_where_files_may_not_be_linked_the_result_is_copied(
    before: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refused)
    path = tmp_path / "out.csv"
    if before is not None:
        path.write_bytes(before)
        path.chmod(0o600)
    write(path, b"new" * 100_000)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]
    assert path.read_bytes() == b"new" * 100_000
    other = tmp_path / "other"
    other.touch(0o666 if before is None else 0o600)
    assert path.stat().st_mode == other.stat().st_mode


@posix
@pytest.mark.parametrize("name", ["😀" * 60 + ".csv", "日" * 80 + ".csv", "a" * 251 + ".csv", "é" * 51])
def test_the_longest_names_are_written(name: str, tmp_path: Path) -> None:
    """255 bytes, more of them than characters; the unfinished file has a name of its own."""
    write(tmp_path / name)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@posix
def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 252 + ".csv")
    assert refusal(path) == f"{path}: cannot be written: File name too long"


@posix
def test_a_folder_that_is_lost_meanwhile_is_the_error(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "out.csv"

    def lose_the_folder() -> None:
        with open_target(str(path), None) as target:
            target.write(b"new")
            shutil.rmtree(folder)
            folder.write_bytes(b"a file now")

    with pytest.raises(TableError) as raised:
        lose_the_folder()
    assert str(raised.value) == f"{path}: cannot be written: Not a directory"


@posix
def test_a_relative_name_means_where_the_process_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    with open_target("out.csv", None) as target:
        target.write(b"new")
        os.chdir("other")
    assert (tmp_path / "out.csv").read_bytes() == b"new"


@posix
def test_permissions_of_the_file_before_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write(path)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o640)


@posix
def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "out.csv")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) == 0o640


@posix
def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_bytes(b"old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    write(tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == b"new"


@posix
def test_a_link_to_nothing_yet_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to("real.csv")
    write(tmp_path / "link.csv")
    assert (tmp_path / "real.csv").read_bytes() == b"new"


@posix
def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "real.csv").write_bytes(b"old")
    inside = tmp_path / "inside"
    inside.mkdir()
    link = inside / "link.csv"
    link.symlink_to(elsewhere / "real.csv")
    real = (elsewhere / "real.csv").resolve()
    assert refusal(link) == f"{link} is a symbolic link out of its folder, to {real}; name that file itself"
    assert (elsewhere / "real.csv").read_bytes() == b"old"


def test_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path} is a folder; name a file in it"


def test_no_such_folder(tmp_path: Path) -> None:
    path = tmp_path / "none" / "out.csv"
    assert refusal(path) == f"{path}: cannot be written: No such file or directory"


def test_a_write_protected_file_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda name, mode: mode != os.W_OK)  # root may write everywhere
    assert refusal(path) == f"{path} is write-protected; remove it or name another file"
    assert path.read_bytes() == b"old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk() -> None:
    assert refusal(Path("/dev/full")) == "/dev/full: cannot be written: No space left on device"


@posix
def test_a_device_is_written_to_and_not_replaced() -> None:
    write(Path("/dev/null"))
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_compressed_file_is_the_same_whenever_it_is_written(tmp_path: Path) -> None:
    """There is neither a name nor a time in it; other names than these are not compressed."""
    text = b"y1\n" + b"0.5\n" * 100
    for name in ("a.csv.gz", "b.csv.GZ"):
        write(tmp_path / name, text)
        packed = (tmp_path / name).read_bytes()
        assert gzip.decompress(packed) == text
        assert len(packed) < 100
        # no flags, so no name, and the time 0
        assert packed[2:8] == bytes([8, 0, 0, 0, 0, 0])
    write(tmp_path / "gz.csv", text)
    assert (tmp_path / "gz.csv").read_bytes() == text


def test_a_file_with_zstd_compression(tmp_path: Path) -> None:
    text = b"y1\n" + b"0.5\n" * 100
    path = tmp_path / "a.csv.ZST"
    write(path, text)
    packed = path.read_bytes()
    assert packed[:4] == bytes.fromhex("28b52ffd")
    assert len(packed) < 100
    with open_stream(str(path), None) as stream:
        assert stream.read(1000) == text


def test_standard_output() -> None:
    stdout = io.BytesIO()
    with open_target("-", stdout) as target:
        target.write(b"text")
    assert stdout.getvalue() == b"text"
    assert not stdout.closed


def test_no_standard_output() -> None:
    with pytest.raises(TableError) as raised, open_target("-", None):
        pass
    assert str(raised.value) == "-: there is no standard output to write to"


def test_a_very_long_name(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250 + ".csv")
    write(path)
    assert path.read_bytes() == b"new"
