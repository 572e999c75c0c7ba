"""Files are read within a limit, and written whole or not at all, never through a link elsewhere."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

import matnet
from matnet.files import put, read_bytes

FIXTURES = Path(__file__).parent.parent / "fixtures"
NET = matnet.load(FIXTURES / "cascade.mat")


def refusal(path: Path) -> str:
    with pytest.raises(matnet.FormatError) as refused:
        put(path, b"new")
    return str(refused.value)


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"")
    put(tmp_path / "net.c", b"new")
    assert (tmp_path / "net.c").stat().st_mode == (tmp_path / "other").stat().st_mode
    assert sorted(os.listdir(tmp_path)) == ["net.c", "other"]


@pytest.mark.parametrize("suffix", [".json", ".c", ".m", ".py"])
def test_permissions_of_the_file_before_are_kept(tmp_path: Path, suffix: str) -> None:
    place = tmp_path / f"net{suffix}"
    place.write_bytes(b"old")
    place.chmod(0o640)
    matnet.save(NET, place)
    assert stat.S_IMODE(place.stat().st_mode) == 0o640
    assert place.read_bytes() != b"old"
    assert os.listdir(tmp_path) == [place.name]


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.c").write_bytes(b"old")
    (tmp_path / "net.c").symlink_to("real.c")
    put(tmp_path / "net.c", b"new")
    assert (tmp_path / "net.c").is_symlink()
    assert (tmp_path / "real.c").read_bytes() == b"new"


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    target = tmp_path / "away" / "file"
    target.write_bytes(b"old")
    (tmp_path / "net.c").symlink_to(target)
    assert refusal(tmp_path / "net.c") == (
        f"{tmp_path / 'net.c'} is a symbolic link out of its folder, to {target}; name that file itself"
    )
    assert target.read_bytes() == b"old"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path} is a folder; name a file in it"


def test_a_write_protected_file_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net.c").write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert refusal(tmp_path / "net.c") == f"{tmp_path / 'net.c'} is write-protected; remove it or name another file"
    assert (tmp_path / "net.c").read_bytes() == b"old"


def test_no_such_folder(tmp_path: Path) -> None:
    place = tmp_path / "none" / "net.c"
    assert refusal(place) == f"{place}: cannot be written: No such file or directory"


def test_a_failure_leaves_the_folder_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "net.c").write_bytes(b"old")
    monkeypatch.setattr(os, "replace", fail)
    assert refusal(tmp_path / "net.c") == f"{tmp_path / 'net.c'}: cannot be written: No space left on device"
    assert (tmp_path / "net.c").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["net.c"]


def test_a_device_is_written_to_and_not_replaced() -> None:
    put(Path("/dev/null"), b"new")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_a_file_and_a_pipe_are_read_to_their_end(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    assert read_bytes(tmp_path / "file", size) == content
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(content,))
    writer.start()
    assert read_bytes(tmp_path / "pipe", size) == content
    writer.join()


@pytest.mark.parametrize("what", ["a file", "an endless device"])
def test_what_is_larger_than_the_limit_is_refused(tmp_path: Path, what: str) -> None:
    path = Path("/dev/zero") if what == "an endless device" else tmp_path / "file"
    if what == "a file":
        path.write_bytes(bytes(5_000_001))
    with pytest.raises(matnet.FormatError) as refused:
        read_bytes(path, 5_000_000)
    assert str(refused.value) == ("the file needs more than 5000000 bytes of memory; raise the limit if you trust it")
