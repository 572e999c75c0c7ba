"""The compiled evaluator: a network that computes values and derivatives of NumPy arrays by its own machine code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from matnet.compiled.worth import WORTH, seconds_per_row
from matnet.derivatives.quantities import JACOBIAN, VALUE_AND_JACOBIAN, Quantity
from matnet.errors import MissingExtraError, ModelError, UnsupportedError, counted
from matnet.functions.namespace import FloatArray
from matnet.model.structure import Structure
from matnet.network import Ensemble, Network
from matnet.network.evaluation import ArrayFunction, Evaluation
from matnet.tape.evaluate import cores, on_all_cores
from matnet.tape.symbols import Tape

if TYPE_CHECKING:
    import ctypes

    from matnet.compiled.source import Routine

_SHARE = 1 << 23
"""The fewest operations per share of a thread, about a quarter of a millisecond; waking a second thread takes a tenth
of that or more, so a batch with fewer than twice as many is computed by the calling thread."""

_SHARES_PER_CORE = 4
"""So that a core that others use delays little, and yet few calls are made."""

_TOLERANCE = 1e-10
"""The relative tolerance for compiled code compared with NumPy's numbers: far above rounding, far below the effect of
a miscompiled operation."""


class CompiledFunction:
    """One function of a loaded library, called with arrays (rows, size).

    Calls from several threads at once are safe: each uses its own memory.
    """

    def __init__(self, library: ctypes.CDLL, name: str, routine: Routine) -> None:
        import ctypes

        self._library = library  # keeps the code loaded
        self._routine = routine
        self._numbers = _Aligned(routine.numbers.size)
        self._numbers.array[...] = routine.numbers
        self._function, self._alone = (_function(library, each) for each in (name, f"{name}_alone"))
        count = len(routine.inputs) + len(routine.outputs) + 2
        self._function.argtypes = [ctypes.c_ssize_t, *([ctypes.c_void_p] * count)]
        self._alone.argtypes = [ctypes.c_void_p]
        self._idle: list[_Aligned] = []
        self._idle_for_one: list[_OneSample] = []

    def __call__(self, *inputs: FloatArray) -> list[FloatArray]:
        """The outputs, (rows, …) each; large batches on all cores."""
        rows = len(inputs[0])
        if rows == 1:
            return [result[None] for result in self.one(*(array[0] for array in inputs))]
        arguments = [np.ascontiguousarray(array, dtype=np.float64) for array in inputs]
        results = [np.empty((rows, *shape)) for shape in self._routine.outputs]
        arrays = [*arguments, *results]
        places = [(_address(array), array.strides[0]) for array in arrays]
        shares = rows * self._routine.operations // _SHARE
        if shares < 2:
            self._run(arrays, places, rows, rows, 0)
        else:
            share = -(-rows // min(shares, _SHARES_PER_CORE * cores()) // 64) * 64
            on_all_cores(partial(self._run, arrays, places, rows, share), range(0, rows, share))
        return results

    def one(self, *inputs: FloatArray) -> list[FloatArray]:
        """The outputs of one sample, without the axis of rows.

        They are copied through memory with known addresses, which is faster than asking an array for its address.
        """
        try:
            memory = self._idle_for_one.pop()
        except IndexError:
            memory = _OneSample(self._routine, self._numbers.start)
        for slot, array in zip(memory.inputs, inputs):  # noqa: B905 (as many by construction; checking takes time)
            slot[...] = array
        self._alone(memory.start)
        results = [slot.copy() for slot in memory.outputs]
        self._idle_for_one.append(memory)
        return results

    def _run(
        self, arrays: Sequence[FloatArray], places: Sequence[tuple[int, int]], rows: int, share: int, start: int
    ) -> None:
        """A share of the rows of arrays with these addresses and strides; ctypes lets other threads run meanwhile.

        The arrays are kept, not only their addresses: an interrupt may end the call while a thread still writes.
        """
        try:
            work = self._idle.pop()
        except IndexError:
            work = _Aligned(self._routine.work)
        first = [address + start * stride for address, stride in places]
        self._function(min(share, rows - start), *first, self._numbers.start, work.start)
        self._idle.append(work)


def _function(library: ctypes.CDLL, name: str) -> Any:
    try:
        function = getattr(library, name)
    except AttributeError as error:
        raise UnsupportedError(
            f"the compiled code has no function '{name}': the C compiler has built something else"
        ) from error
    function.restype = None
    return function


class _Aligned:
    """An array of `size` doubles; ``start`` is its address, a multiple of 64 bytes."""

    def __init__(self, size: int) -> None:
        memory = np.empty(size + 8)
        skipped = -_address(memory) % 64 // 8
        self.array = memory[skipped : skipped + size]
        self.start = _address(memory) + 8 * skipped


class _OneSample:
    """Memory for one sample: arguments, results and work; ``start`` is the address of their addresses in order."""

    def __init__(self, routine: Routine, numbers: int) -> None:
        self.inputs = [np.empty(size) for size in routine.inputs]
        self.outputs = [np.empty(shape) for shape in routine.outputs]
        self._work = _Aligned(routine.work)
        arrays = (*self.inputs, *self.outputs)
        self._addresses = np.array([*map(_address, arrays), numbers, self._work.start], dtype=np.uintp)
        self.start = _address(self._addresses)


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])


def compiled_functions(
    tapes: Mapping[str, Tape], check: Callable[[Mapping[str, CompiledFunction]], None]
) -> Mapping[str, CompiledFunction]:
    """The compiled functions of tapes, by names that are identifiers, all in one library.

    Raises
    ------
    MissingExtraError, UnsupportedError
        There is no C compiler, it fails, a tape is too large, or the cache folder cannot be used.
    """
    from matnet.compiled.build import built
    from matnet.compiled.source import printed

    source, routines = printed(tapes)

    def functions(library: ctypes.CDLL) -> dict[str, CompiledFunction]:
        return {name: CompiledFunction(library, name, routine) for name, routine in routines.items()}

    return functions(built(source, lambda library: check(functions(library))))


class _Second:
    """Quantities with two results, also used for the second alone, which alone would cost little less."""

    def __init__(self, both: ArrayFunction) -> None:
        self._both = both

    def __call__(self, *inputs: FloatArray) -> list[FloatArray]:
        return self._both(*inputs)[1:]

    def one(self, *inputs: FloatArray) -> list[FloatArray]:
        return self._both.one(*inputs)[1:]


class CompiledEvaluation(Evaluation):
    """A network's program and the quantities compiled from it so far."""

    def __init__(self, structure: Structure) -> None:
        super().__init__(structure)
        self._structure = structure
        self._compiled: dict[Quantity, ArrayFunction] = {}
        self._lock = Lock()

    def function(self, quantity: Quantity, sizes: Sequence[int]) -> ArrayFunction:
        """The quantity as a function of NumPy arrays, compiled at its first use."""
        function = self._compiled.get(quantity)
        if function is None:
            self.prepare(quantity, sizes)
            function = self._compiled[quantity]
        return function

    def prepare(self, quantity: Quantity, sizes: Sequence[int]) -> None:
        """Compiles a computation, unless it is compiled already."""
        if quantity is JACOBIAN:
            self._compiled[quantity] = _Second(CompiledEvaluation.function(self, VALUE_AND_JACOBIAN, sizes))
            return
        with self._lock:
            if quantity in self._compiled:
                return
            reference = self.by_numpy(quantity, sizes)
            tape = reference.tape
            samples = check_samples(self._structure, sizes)
            found = compiled_functions(
                {"kernel": tape}, lambda functions: compare(functions["kernel"], reference, samples)
            )
            self._compiled[quantity] = found["kernel"]


def check_samples(structure: Structure, sizes: Sequence[int]) -> list[FloatArray]:
    """Arguments for the check: rows in the training range or around 0, then rows with NaN or ±Inf in one element."""
    rng = np.random.default_rng(0)
    arguments = []
    for place, size in enumerate(sizes):
        array = rng.normal(size=(70 + 3 * min(size, 8), size))
        if place == 0:
            known = [
                entry.range if entry.range is not None else np.full((entry.size, 2), np.nan)
                for entry in structure.inputs
            ]
            low, high = np.concatenate([np.zeros((0, 2)), *known]).T
            inside = low + (high - low) * rng.random(array.shape)
            array = np.where(np.isfinite(inside), inside, array)
            for row in range(70, len(array)):
                array[row, (row - 70) // 3] = (np.nan, np.inf, -np.inf)[row % 3]
        arguments.append(array)
    rows = min(len(array) for array in arguments)
    return [array[:rows] for array in arguments]


def compare(
    function: Callable[..., Sequence[FloatArray]],
    reference: Callable[..., Sequence[FloatArray]],
    samples: Sequence[FloatArray],
) -> None:
    """Compares compiled code with NumPy's numbers.

    If a network magnifies rounding, the difference may be as large as the effect of a few ulps in the arguments.

    Raises
    ------
    UnsupportedError
        They differ by more than rounding, or NaN and Inf are in other positions.
    """
    nudged = [samples[0] * (1.0 + 2.0**-50), *samples[1:]]
    with np.errstate(all="ignore"):
        for got, expected, moved in zip(function(*samples), reference(*samples), reference(*nudged), strict=True):
            finite = np.isfinite(expected)
            size = np.max(np.abs(expected), axis=0, where=finite, initial=0.0)
            change = np.max(np.abs(moved - expected), axis=0, where=finite & np.isfinite(moved), initial=0.0)
            allowed = _TOLERANCE * np.maximum(size, 1e-3 * np.max(size, initial=0.0)) + 1e3 * change
            off = np.where(
                finite, np.abs(got - expected) > allowed, ~((got == expected) | (got != got) & (expected != expected))
            )
            off |= finite & ~np.isfinite(got)
            if off.any():
                raise UnsupportedError(
                    f"the compiled code does not give NumPy's numbers ({_first_difference(got, expected, off)}) and is "
                    "not used; use the network itself, and please report this with the version of your C compiler"
                )


def _first_difference(got: FloatArray, expected: FloatArray, off: Any) -> str:
    index = tuple(int(axis) for axis in np.argwhere(off)[0])
    others = counted(int(off.sum()) - 1, "other")
    return f"{float(got[index])!r} for {float(expected[index])!r} at {list(index)}, and {others}"


class CompiledNetwork(Network):
    """A Network computed by compiled code: see ``compile``."""

    @cached_property
    def evaluation(self) -> CompiledEvaluation:
        """The network's steps and the quantities compiled from them."""
        return CompiledEvaluation(self.structure)


class AdaptiveEvaluation(CompiledEvaluation):
    """As CompiledEvaluation, but each quantity is computed by NumPy until there is enough work for a build."""

    def __init__(self, structure: Structure) -> None:
        super().__init__(structure)
        self._adaptive: dict[Quantity, _Adaptive] = {}

    def function(self, quantity: Quantity, sizes: Sequence[int]) -> ArrayFunction:
        """The quantity as a function of NumPy arrays."""
        function = self._adaptive.get(quantity)
        if function is None:
            by_numpy = self.by_numpy(quantity, sizes)
            seconds = seconds_per_row(by_numpy.tape)
            compiled = partial(CompiledEvaluation.function, self, quantity, sizes)
            function = self._adaptive.setdefault(quantity, _Adaptive(by_numpy, seconds, compiled))
        return function


class _Adaptive:
    """A function by NumPy, which counts its work, until the compiled one takes its place, if it can be built."""

    def __init__(self, by_numpy: ArrayFunction, seconds: float, compiled: Callable[[], ArrayFunction]) -> None:
        self._function = by_numpy
        self._seconds = seconds
        self._build: Callable[[], ArrayFunction] | None = compiled
        self._rows = 0

    def _prepare(self, rows: int) -> None:
        self._rows += rows
        build = self._build
        if build is not None and self._rows * self._seconds >= WORTH:
            self._build = None
            with suppress(MissingExtraError, UnsupportedError):
                self._function = build()

    def __call__(self, *inputs: FloatArray) -> list[FloatArray]:
        if self._build is not None:
            self._prepare(len(inputs[0]))
        return self._function(*inputs)

    def one(self, *inputs: FloatArray) -> list[FloatArray]:
        if self._build is not None:
            self._prepare(1)
        return self._function.one(*inputs)


class AdaptiveNetwork(Network):
    """A Network computed by compiled code where that pays: see ``compile``."""

    @cached_property
    def evaluation(self) -> AdaptiveEvaluation:
        """The network's steps and the quantities evaluated so far."""
        return AdaptiveEvaluation(self.structure)


@overload
def compile(net: Network, when: Literal["always"] = "always") -> CompiledNetwork: ...


@overload
def compile(net: Network, when: Literal["always", "worth it"]) -> Network: ...


@overload
def compile(net: Ensemble, when: Literal["always", "worth it"] = "always") -> Ensemble: ...


def compile(net: Network | Ensemble, when: Literal["always", "worth it"] = "always") -> Network | Ensemble:
    """The network as machine code: all methods of a Network, for many rows or many calls.

    Every computation is written in C, built once by a C compiler, compared with NumPy's numbers on random rows, NaN and
    ±Inf, and kept in the user's cache folder for later programs and other networks of the same shape. Value and
    Jacobian are built at once, everything else at its first use.

    Parameters
    ----------
    net
        A static network, or an ensemble of them.
    when
        "always", or "worth it": each computation is left to NumPy until its work so far, together with that of the
        present call, amounts to about three seconds; then it is compiled. If that is not possible, NumPy remains.

    Returns
    -------
    A CompiledNetwork: shapes, errors, NaN and ±Inf as in Network, numbers equal up to rounding; large batches run on
    all cores. For an ensemble, an Ensemble of these. Arrays of PyTorch and JAX are computed by their own library.

    Raises
    ------
    ModelError
        `when` is neither of the two.
    MissingExtraError
        There is no C compiler, and `when` is "always"; the message says what to install.
    UnsupportedError
        The network is dynamic; or, with "always", too large, the compiler fails, or the cache folder cannot be used.

    Notes
    -----
    The compiler is the one in the variable CC, else that of the extra ``matnet[compile]``, else cc, gcc or clang. A
    build takes about a second. ``with_parameters`` and ``with_scaling`` return a plain Network, because a changed
    network would need another build.

    Examples
    --------
    >>> import matnet
    >>> net = matnet.load("fixtures/pump.mat")
    >>> fast = matnet.compile(net)
    >>> fast.jacobian([60.0, 2400.0]).round(3)
    array([[-0.322,  0.025]])
    """
    if when not in ("always", "worth it"):
        raise ModelError(f"when is 'always' or 'worth it', got {when!r}")
    make = _compiled if when == "always" else _adaptive
    return Ensemble(map(make, net.networks)) if isinstance(net, Ensemble) else make(net)


def _compiled(net: Network) -> CompiledNetwork:
    _check_static(net)
    result = CompiledNetwork(net.structure, net.provenance, net.name)
    result.evaluation.prepare(VALUE_AND_JACOBIAN, [net.input_size])
    return result


def _adaptive(net: Network) -> AdaptiveNetwork:
    _check_static(net)
    return AdaptiveNetwork(net.structure, net.provenance, net.name)


def _check_static(net: Network) -> None:
    if net.dynamic:
        raise UnsupportedError("matnet.compile is for static networks, and this one is dynamic; use the network itself")
