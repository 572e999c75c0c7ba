"""matnet.compile: the same answers and errors as a Network's, and what it does with its cache and its compiler."""

from __future__ import annotations

import copy
import ctypes
import gc
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from matnet.compiled import build, evaluator
from matnet.compiled.build import built, cache_folder, compiler
from matnet.compiled.evaluator import CompiledNetwork, compare
from matnet.compiled.source import printed
from matnet.compiled.worth import numpy_seconds
from matnet.derivatives.quantities import VALUE, VALUE_AND_JACOBIAN
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Ensemble, Network
from matnet.tape.simplify import simplified
from matnet.tape.symbols import record
from random_networks import Real, minmax, network


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "matnet" / "compiled"


def fitting(seed: int = 0) -> Network:
    rng = np.random.default_rng(seed)
    first = Layer(5, "tansig", {0: Weight(rng.normal(size=(5, 3)))}, bias=rng.normal(size=5), name="hidden")
    last = Layer(2, "purelin", {}, {0: Weight(rng.normal(size=(2, 5)))}, bias=rng.normal(size=2))
    return Network(Structure((Input(3, (minmax(3, rng),)),), (first, last), (Output(1, 2, (minmax(2, rng),)),)))


@pytest.fixture(scope="module")
def pair(c_compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CompiledNetwork, Network]]:
    """A compiled network and the same in NumPy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        net = fitting()
        yield matnet.compile(net), net


def close(got: Real, expected: Real) -> None:
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=0.0, atol=1e-14 * (1.0 + np.max(np.abs(expected), initial=0.0)))


@pytest.mark.parametrize("lead", [(), (1,), (0,), (4, 7), (33,), (500,)])
def test_values_and_jacobians(pair: tuple[CompiledNetwork, Network], lead: tuple[int, ...]) -> None:
    fast, net = pair
    x = np.random.default_rng(1).normal(size=(*lead, 3))
    close(fast(x), net(x))
    close(fast.jacobian(x), net.jacobian(x))
    for got, expected in zip(fast.value_and_jacobian(x), net.value_and_jacobian(x), strict=True):
        close(got, expected)


def test_everything_else(pair: tuple[CompiledNetwork, Network]) -> None:
    fast, net = pair
    rng = np.random.default_rng(2)
    x, v, u = rng.normal(size=(50, 3)), rng.normal(size=(50, 3)), rng.normal(size=(50, 2))
    close(fast.hessian(x), net.hessian(x))
    close(fast.jvp(x, v), net.jvp(x, v))
    close(fast.vjp(x, u), net.vjp(x, u))
    close(fast.jacobian(x, of="hidden"), net.jacobian(x, of=1))
    close(fast.jacobian(x, scale="normalized"), net.jacobian(x, scale="normalized"))
    for got, expected in zip(fast.layer_outputs(x), net.layer_outputs(x), strict=True):
        close(got, expected)
    hessian = fast.hessian(x)
    np.testing.assert_array_equal(hessian, np.swapaxes(hessian, -1, -2))


def test_integers_views_and_lists(pair: tuple[CompiledNetwork, Network]) -> None:
    fast, net = pair
    wide = np.arange(24.0).reshape(4, 6) / 10
    for x in (
        [1, 2, 0],
        np.array([[1, 2, 0]], dtype=np.int8),
        wide[:, ::2],
        wide[::-1, 3:],
        np.array([[0.5, 1, 2]], dtype=np.float32),
    ):
        close(fast(x), net(x))


def test_shapes_that_do_not_fit(pair: tuple[CompiledNetwork, Network]) -> None:
    for wrong in (np.zeros((3, 7)), np.zeros(4)):
        with pytest.raises(matnet.ShapeError) as ours:
            pair[0].jacobian(wrong)
        with pytest.raises(matnet.ShapeError) as theirs:
            pair[1].jacobian(wrong)
        assert str(ours.value) == str(theirs.value)


@pytest.mark.usefixtures("c_compiler")
def test_saturation_keeps_its_digits() -> None:
    n = np.concatenate([10.0 ** np.arange(-300.0, 3.0), np.linspace(0.0, 40.0, 4001), [372.0, 373.0, np.inf]])
    x = np.concatenate([n, -n])[:, None]
    net = network(Layer(1, "tansig", {0: Weight([[1.0]])}))
    fast = matnet.compile(net)
    for got, expected in zip(fast.value_and_jacobian(x), net.value_and_jacobian(x), strict=True):
        np.testing.assert_allclose(got, expected, rtol=2e-15, atol=5e-324)


def test_rows_do_not_depend_on_their_batch(pair: tuple[CompiledNetwork, Network]) -> None:
    x = np.random.default_rng(3).normal(size=(200_001, 3))
    y, jacobian = pair[0].value_and_jacobian(x)
    for rows in (slice(0, 1), slice(77, 100), slice(131_000, 131_200), slice(200_000, 200_001)):
        np.testing.assert_array_equal(pair[0].value_and_jacobian(x[rows])[0], y[rows])
        np.testing.assert_array_equal(pair[0].value_and_jacobian(x[rows])[1], jacobian[rows])


def test_a_thread_left_behind_writes_to_memory_that_is_there(
    pair: tuple[CompiledNetwork, Network], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code is given addresses; an interrupt may end a call while another thread still computes."""
    left_behind: list[Any] = []
    monkeypatch.setattr(evaluator, "on_all_cores", lambda work, starts: left_behind.append(work))
    pair[0](np.zeros((500_000, pair[0].input_size)))
    assert len(left_behind) == 1
    memory = [weakref.ref(array) for array in left_behind[0].args[0]]
    gc.collect()
    assert len(memory) == 2
    assert all(array() is not None for array in memory)
    left_behind.clear()
    gc.collect()
    assert all(array() is None for array in memory)


def test_an_ensemble_and_a_copy(pair: tuple[CompiledNetwork, Network]) -> None:
    x = np.random.default_rng(4).normal(size=(9, 3))
    fast = matnet.compile(matnet.Ensemble([pair[1], pair[1]]))
    assert all(isinstance(member, CompiledNetwork) for member in fast.networks)
    close(fast.jacobian(x), pair[1].jacobian(x))
    copied = copy.deepcopy(pair[0])
    assert isinstance(copied, CompiledNetwork)
    np.testing.assert_array_equal(copied(x), pair[0](x))


def test_what_is_refused() -> None:
    late = Layer(1, "tansig", {0: Weight([[1.0, 2.0]], delays=(0, 1))})
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.compile(Network(Structure((Input(1),), (late,), (Output(0, 1),))))
    assert str(refused.value) == (
        "matnet.compile is for static networks, and this one is dynamic; use the network itself"
    )
    large = Layer(1200, "tansig", {0: Weight(np.zeros((1200, 1000)))})
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.compile(network(large, inputs=1000))
    assert re.fullmatch(
        r"the compiled code would need [\d,]+ bytes of work memory, at most 67,108,864; use the network itself, which "
        "has no such limit",
        str(refused.value),
    )
    with pytest.raises(matnet.ModelError, match="when is 'always' or 'worth it', got 'now'"):
        matnet.compile(fitting(), when="now")  # type: ignore[call-overload]


def entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


@pytest.mark.usefixtures("c_compiler")
def test_the_cache_is_used(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = fitting(), np.zeros((1, 3))
    y = matnet.compile(net).jacobian(x)
    assert cache == cache_folder()
    assert cache.stat().st_mode & 0o777 == 0o700
    (entry,) = entries(cache)
    assert entry.stem.endswith(hashlib.sha256(entry.read_bytes()).hexdigest())

    def again(*arguments: Any) -> None:
        raise AssertionError("compiled twice")

    monkeypatch.setattr(build, "_compile", again)
    np.testing.assert_array_equal(matnet.compile(net).jacobian(x), y)


@pytest.mark.usefixtures("c_compiler")
@pytest.mark.parametrize("harm", ["cut short", "changed", "empty", "writable by others", "a link", "a pipe"])
def test_a_broken_entry_is_rebuilt(cache: Path, harm: str) -> None:
    checked: list[ctypes.CDLL] = []
    source = "int answer(void) { return 42; }"
    built(source, checked.append)
    (entry,) = entries(cache)
    content = entry.read_bytes()
    if harm == "writable by others":
        entry.chmod(0o777)
    else:
        # a new file: loaded code must not change while it is in use
        entry.unlink()
    if harm == "a link":
        target = cache.parent / "elsewhere.so"
        target.write_bytes(content)
        entry.symlink_to(target)
    elif harm == "a pipe":
        os.mkfifo(entry)
    elif harm != "writable by others":
        entry.write_bytes({"cut short": content[:-100], "changed": content[:-1] + b"x", "empty": b""}[harm])
    assert built(source, checked.append).answer() == 42
    assert len(checked) == 2
    (entry,) = entries(cache)
    assert not entry.is_symlink()
    assert entry.stat().st_mode & 0o777 == 0o700
    assert entry.stem.endswith(hashlib.sha256(entry.read_bytes()).hexdigest())
    built(source, checked.append)
    assert len(checked) == 2


@pytest.mark.usefixtures("c_compiler")
def test_two_processes_at_once(cache: Path) -> None:
    program = "import matnet; print(matnet.compile(matnet.load('fixtures/pump.mat')).jacobian([60.0, 2400.0]).tolist())"
    root = Path(__file__).parent.parent.parent
    both = [subprocess.Popen([sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE) for _ in range(2)]
    told = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert told[0] == told[1]
    assert all(path.suffix == ".so" for path in entries(cache))


@pytest.mark.usefixtures("c_compiler")
def test_a_cache_of_others(cache: Path) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o755)
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.compile(fitting())
    assert str(refused.value) == (
        f"{cache} must be a folder of your own that nobody else can enter (mode 0700), since code is loaded from it; "
        "remove it, or set XDG_CACHE_HOME to another folder"
    )


@pytest.mark.usefixtures("c_compiler")
def test_a_cache_that_cannot_be_written(cache: Path) -> None:
    cache.parent.parent.write_text("no folder")
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.compile(fitting())
    assert str(refused.value) == (
        f"{cache}: compiled networks are kept there, and it cannot be written (Not a directory); set XDG_CACHE_HOME to "
        "a folder that can, or use the network itself"
    )


@pytest.mark.usefixtures("c_compiler")
def test_a_folder_in_the_place_of_an_entry(cache: Path) -> None:
    source = "int answer(void) { return 42; }"
    built(source, lambda library: None)
    (entry,) = entries(cache)
    entry.unlink()
    entry.mkdir()
    with pytest.raises(matnet.UnsupportedError) as refused:
        built(source, lambda library: None)
    assert str(refused.value) == (
        f"{cache}: compiled networks are kept there, and it cannot be written (Is a directory); set XDG_CACHE_HOME to "
        "a folder that can, or use the network itself"
    )


@pytest.mark.usefixtures("c_compiler")
@pytest.mark.parametrize("way", ["shared/mine", "link", "first", "relative"])
def test_a_folder_on_the_way_that_others_may_write(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Written in the path, behind a link, or holding one of several links."""
    shared = tmp_path / "shared"
    (shared / "mine").mkdir(parents=True)
    shared.chmod(0o775)
    (tmp_path / "own").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(shared / "mine")
    (shared / "second").symlink_to(tmp_path / "own")
    (tmp_path / "first").symlink_to(shared / "second")
    (tmp_path / "relative").symlink_to(Path("own", "..", "first"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / way))
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.compile(fitting())
    assert str(refused.value) == (
        f"{shared}, which holds compiled networks, can be changed by other users (owner {os.getuid()}, mode 0775), but "
        "code is loaded from it; remove their write permission, or set XDG_CACHE_HOME to another folder"
    )
    shared.chmod(0o1777)  # as /tmp: in it everyone changes only their own
    close(matnet.compile(fitting()).jacobian(np.ones(3)), fitting().jacobian(np.ones(3)))


@pytest.mark.usefixtures("c_compiler")
def test_an_entry_that_changes_after_it_was_checked_is_not_loaded(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes that were compared are the ones that are loaded, whatever happens to the file meanwhile."""
    built("int answer(void) { return 42; }", lambda library: None)
    built("int answer(void) { return 43; }", lambda library: None)
    first, second = entries(cache)
    build._libraries.clear()
    read = build._checked_content

    def exchanged(entry: Path) -> bytes | None:
        content = read(entry)
        entry.write_bytes((second if entry == first else first).read_bytes())
        return content

    monkeypatch.setattr(build, "_checked_content", exchanged)
    assert built("int answer(void) { return 42; }", lambda library: None).answer() == 42
    assert len(entries(cache)) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_build_that_is_killed_midway(
    cache: Path, c_compiler: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Half of the code is there, under its final name in the build's folder, when the process is killed."""
    slow, half = tmp_path / "slow", tmp_path / "half"
    slow.write_text(
        "#!/bin/sh\n"
        f'{c_compiler} "$@" || exit 1\n'
        "for last; do :; done\n"
        f'case "$last" in *kernel.so) head -c 2000 "$last" > "$last.half"; mv "$last.half" "$last"; '
        f"echo $$ > {half}.new; mv {half}.new {half}; exec sleep 1000;; esac\n",
        encoding="ascii",
    )
    slow.chmod(0o755)
    root = Path(__file__).parent.parent.parent
    program = "import matnet; matnet.compile(matnet.load('fixtures/pump.mat'))"
    killed = subprocess.Popen([sys.executable, "-c", program], cwd=root, env={**os.environ, "CC": str(slow)})
    while not half.exists() and killed.poll() is None:
        time.sleep(0.01)
    compiling = int(half.read_text(encoding="ascii"))
    killed.kill()
    killed.wait()
    os.kill(compiling, signal.SIGKILL)
    (left,) = entries(cache)
    assert (left / "kernel.so").stat().st_size == 2000
    monkeypatch.setenv("CC", c_compiler)
    net = matnet.load(root / "fixtures" / "pump.mat")
    close(matnet.compile(net).jacobian(np.array([60.0, 2400.0])), net.jacobian(np.array([60.0, 2400.0])))
    assert sorted(path.suffix for path in entries(cache)) == ["", ".so"]


@pytest.mark.usefixtures("c_compiler")
def test_what_killed_builds_and_old_entries_leave_is_removed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built("int answer(void) { return 1; }", lambda library: None)
    (old,) = entries(cache)
    os.utime(old, (0, 0))
    for name, age in (("building-old", 10_000.0), ("building-new", 1.0)):
        (cache / name).mkdir()
        (cache / name / "kernel.c").write_text("")
        os.utime(cache / name, (time.time() - age,) * 2)
    built("int answer(void) { return 2; }", lambda library: None)
    left = entries(cache)
    assert [path.name for path in left if path.is_dir()] == ["building-new"]
    assert old not in left
    (entry,) = (path for path in left if path.is_file())
    monkeypatch.setattr(build, "_BYTES", 3 * entry.stat().st_size // 2)
    os.utime(entry, (time.time() - 60.0,) * 2)
    built("int answer(void) { return 3; }", lambda library: None)
    assert len([path for path in entries(cache) if path.is_file()]) == 2
    built("int answer(void) { return 4; }", lambda library: None)
    # one fits beside the newest: the oldest is gone
    assert entry not in entries(cache)


def test_no_compiler(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(build, "_bundled", lambda: None)
    advice = (
        "; install one (pip install 'matnet[compile]' brings one; Debian, Ubuntu: apt install gcc libc6-dev; Fedora: "
        "dnf install gcc; macOS: xcode-select --install; conda: conda install c-compiler), or use the network itself"
    )
    with pytest.raises(matnet.MissingExtraError) as refused:
        matnet.compile(fitting())
    assert str(refused.value) == f"matnet.compile needs a C compiler, and there is no cc, gcc or clang{advice}"
    monkeypatch.setenv("CC", "mycc")
    with pytest.raises(matnet.MissingExtraError) as refused:
        matnet.compile(fitting())
    assert str(refused.value) == (
        f"matnet.compile needs a C compiler, and the variable CC names 'mycc', which is not there{advice}"
    )


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_compiler_that_does_not_work(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = script(tmp_path / "broken", "echo no licence >&2; exit 3")
    monkeypatch.setenv("CC", broken)
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.compile(fitting())
    assert str(refused.value) == f"the C compiler {broken} does not work: no licence"


def test_a_compiler_that_fails(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failing = script(
        tmp_path / "failing", 'case "$*" in *-dM*) exit 0;; esac; echo out of >&2; echo " registers" >&2; exit 4'
    )
    monkeypatch.setenv("CC", failing)
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.compile(fitting())
    (kept,) = entries(cache)
    assert str(refused.value) == f"{failing} fails (4); the source is kept as {kept}: out of | registers"
    assert "void kernel(count rows" in kept.read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('printf "\\377\\376" >&2; exit 3', "the C compiler {cc} does not work: \ufffd\ufffd"),
        ("sleep 100", "the C compiler {cc} does not work: it has not answered after 0.5 s"),
        (
            'case "$*" in *-dM*) exit 0;; esac; sleep 100',
            "{cc} has not ended after 0.5 s; the source is kept as {kept}",
        ),
        (
            'case "$*" in *-dM*) exit 0;; esac',
            "{cc} ended without an error but wrote no file; the source is kept as {kept}",
        ),
        (
            'case "$*" in *-dM*) exit 0;; esac; while [ "$1" != -o ]; do shift; done; mkdir "$2"',
            "{cc} ended without an error but wrote no file; the source is kept as {kept}",
        ),
    ],
)
def test_compilers_that_answer_nothing_useful(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, message: str
) -> None:
    monkeypatch.setattr(build, "_SECONDS", 0.5)
    monkeypatch.setattr(build, "_SECONDS_TO_ANSWER", 0.5)
    cc = script(tmp_path / "strange", text)
    monkeypatch.setenv("CC", cc)
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.compile(fitting())
    kept = next(iter(entries(cache)), None) if cache.exists() else None
    assert str(refused.value) == message.format(cc=cc, kept=kept)


def test_a_compiler_that_makes_another_file(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, c_compiler: str
) -> None:
    start = 'case "$*" in *-dM*) exit 0;; esac; while [ "$1" != -o ]; do shift; done; '
    monkeypatch.setenv("CC", script(tmp_path / "text", start + 'echo text > "$2"'))
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.compile(fitting())
    assert str(refused.value).startswith(f"{cache}: compiled code cannot be loaded from there (the compiled code: ")
    other = f'echo "int x;" | {c_compiler} -shared -fPIC -x c - -o "$2"'
    monkeypatch.setenv("CC", script(tmp_path / "other", start + other))
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.compile(fitting())
    assert str(refused.value) == ("the compiled code has no function 'kernel': the C compiler has built something else")
    assert entries(cache) == []


def test_a_compiler_that_cannot_be_run(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "odd").write_bytes(b"\x7fELF no program")
    (tmp_path / "odd").chmod(0o755)
    monkeypatch.setenv("CC", str(tmp_path / "odd"))
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.compile(fitting())
    assert str(refused.value) == f"the C compiler {tmp_path / 'odd'} does not work: Exec format error"
    monkeypatch.setenv("CC", "cc 'open")
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.compile(fitting())
    assert str(refused.value) == 'the variable CC is "cc \'open", which cannot be parsed: No closing quotation'


def test_cc_may_hold_arguments(cache: Path, monkeypatch: pytest.MonkeyPatch, c_compiler: str) -> None:
    monkeypatch.setenv("CC", f"{c_compiler} -DANSWER=42")
    assert built("int answer(void) { return ANSWER; }", lambda library: None).answer() == 42


def test_flags_that_a_compiler_does_not_know(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, c_compiler: str
) -> None:
    plain = script(tmp_path / "plain", f'case "$*" in *prefer*|*native*) exit 1;; esac; exec {c_compiler} "$@"')
    monkeypatch.setenv("CC", plain)
    assert compiler().flags[-1] == "-fopenmp-simd"
    net, x = fitting(), np.random.default_rng(5).normal(size=(100, 3))
    close(matnet.compile(net).jacobian(x), net.jacobian(x))


@pytest.fixture
def bundled(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The compiler of the extra `compile`, which is found before that of the system."""
    pytest.importorskip("ziglang")
    monkeypatch.delenv("CC", raising=False)
    return Path(compiler().command[0])


def test_the_compiler_of_the_extra(bundled: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # without a compiler of the system
    monkeypatch.setenv("HOME", str(tmp_path))
    assert compiler().bundled
    assert bundled.stem == "zig"
    net, x = fitting(), np.random.default_rng(5).normal(size=(100, 3))
    fast = matnet.compile(net)
    close(fast.jacobian(x), net.jacobian(x))
    close(fast.hessian(x[0]), net.hessian(x[0]))
    # neither the home folder nor the cache holds anything but the two libraries
    assert [path.suffix for path in entries(cache)] == [".so", ".so"]
    assert list(tmp_path.iterdir()) == [tmp_path / "cache"]


def test_the_code_for_windows(bundled: Path, tmp_path: Path) -> None:
    tape = simplified(record(fitting().evaluation.program, VALUE_AND_JACOBIAN, [3]))
    source, library = tmp_path / "kernel.c", tmp_path / "kernel.dll"
    source.write_text(printed({"kernel": tape})[0], encoding="ascii")
    flags = [flag for flag in compiler().flags if flag != "-fPIC" and not flag.startswith("-m")]
    command = [str(bundled), "cc", "-target", "x86_64-windows-gnu", *flags, "-w", str(source), "-o", str(library)]
    caches = {name: str(tmp_path) for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")}
    subprocess.run(command, check=True, env={**os.environ, **caches})
    content = library.read_bytes()
    # a library of Windows that exports both functions and needs no other library
    assert content.startswith(b"MZ")
    assert b"kernel\0kernel_alone\0" in content
    assert b".dll\0" not in content.replace(b"kernel.dll\0", b"")


@pytest.mark.parametrize(("transfer", "nanoseconds"), [("tansig", 10.0), ("logsig", 5.0 + 3 * 0.6), ("relu", 2 * 0.6)])
def test_functions_count_for_what_numpy_needs(transfer: str, nanoseconds: float) -> None:
    """For 100 neurons more than for a linear layer: tanh; exp, and to negate, add and divide; to compare and choose."""

    def seconds(transfer: str) -> float:
        layer = Layer(100, transfer, {0: Weight(np.ones((100, 1)))}, bias=np.ones(100))
        net = Network(Structure((Input(1),), (layer,), (Output(0, 100),)))
        return numpy_seconds(net, VALUE, [1])

    assert seconds(transfer) - seconds("purelin") == pytest.approx(100e-9 * nanoseconds)


@pytest.mark.usefixtures("c_compiler")
def test_compiled_when_it_is_worth_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = fitting(), np.random.default_rng(5).normal(size=(1000, 3))
    seconds = numpy_seconds(net, VALUE_AND_JACOBIAN, [3])
    monkeypatch.setattr(evaluator, "WORTH", 2500.5 * seconds)
    patient = matnet.compile(net, when="worth it")
    assert not cache.exists()
    for _ in range(2):
        np.testing.assert_array_equal(patient.value_and_jacobian(x)[1], net.jacobian(x))
    patient.value_and_jacobian(x[0])
    assert not cache.exists()
    close(patient.value_and_jacobian(x)[1], net.jacobian(x))
    assert len(entries(cache)) == 1
    close(patient.value_and_jacobian(x[0])[0], net(x[0]))
    # what else is asked has done no work yet
    np.testing.assert_array_equal(patient.hessian(x), net.hessian(x))
    assert len(entries(cache)) == 1


def test_worth_it_without_a_compiler(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(build, "_bundled", lambda: None)
    monkeypatch.setattr(evaluator, "WORTH", 0.0)
    net, x = fitting(), np.random.default_rng(5).normal(size=(1000, 3))
    patient = matnet.compile(Ensemble([net, net]), when="worth it")
    for _ in range(2):
        np.testing.assert_array_equal(patient.jacobian(x), net.jacobian(x))


@pytest.mark.usefixtures("c_compiler")
def test_networks_of_one_shape_share_their_code(cache: Path) -> None:
    x = np.random.default_rng(5).normal(size=(100, 3))
    for seed in range(3):
        net = fitting(seed)
        close(matnet.compile(net).jacobian(x), net.jacobian(x))
    assert len(entries(cache)) == 1


def test_wrong_code_is_not_used() -> None:
    def right(x: Real) -> list[Real]:
        return [x * x]

    def wrong(x: Real) -> list[Real]:
        return [np.where(x > 2.0, x * x * (1.0 + 1e-7), x * x)]

    def without_nan(x: Real) -> list[Real]:
        return [np.nan_to_num(x * x)]

    x = np.array([[1.0], [3.0], [np.nan]])
    compare(right, right, [x])
    with pytest.raises(matnet.UnsupportedError) as refused:
        compare(wrong, right, [x])
    assert str(refused.value) == (
        f"the compiled code does not give NumPy's numbers ({9.0 * (1.0 + 1e-7)!r} for 9.0 at [1, 0], and 0 others) and "
        "is not used; use the network itself, and please report this with the version of your C compiler"
    )
    with pytest.raises(matnet.UnsupportedError):
        compare(without_nan, right, [x])
