"""A tape run on NumPy arrays: over blocks of rows, in preallocated buffers, on all cores.

Blocks have a fixed size, only the last of a batch is shorter, and every thread computes a block in the same way, so no
result depends on the number of threads or on how a table is split into whole blocks. A block's buffers stay in cache,
if not always in a core's own: threads wait for each other at the start of every NumPy call, which costs more than a
cache shared by the cores, so that blocks of 4 MiB are up to a third faster than blocks of 1 MiB.

Threads. NumPy releases the interpreter's lock inside its loops, so blocks run in parallel threads. BLAS is limited to
one thread meanwhile, for speed and because a product that it splits among threads may be summed in another order. Each
thread computes in a ``Block`` of its own, which it takes from a list and returns; ``list.pop`` and ``append`` are
atomic, so that this needs no lock. ``on_all_cores`` hands out the starts of blocks from one list: a thread that is done
takes the next. The calling thread takes part, because waking two others for a short batch takes longer than starting
at once; a worker that starts after everything is done finds nothing to claim and returns. An interrupt (Ctrl-C) can hit
the calling thread anywhere: the list is cleared, workers finish their current block and stop, and the call waits for
those that have claimed one. A second interrupt can end that wait too, so the memory that a worker writes to belongs to
its own work and not to the caller. Plain locks are used, because an interrupt inside a Future's condition variable can
leave it locked for ever.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from matnet.derivatives.memory import check_memory
from matnet.functions.namespace import FloatArray
from matnet.tape.block import Block, Plan
from matnet.tape.symbols import Tape

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_BLOCK_BYTES = 4 << 20  # bytes of the buffers of one block: they stay in cache, and NumPy's calls are few
_FEWEST_ROWS, _MOST_ROWS = 8, 4096
_SMALL_PRODUCT = 1 << 16  # multiplications below which a BLAS library never takes a second thread

Thing = TypeVar("Thing")


class Evaluator:
    """Runs a tape on arrays (N, size) of any number of rows.

    Calls from several threads at once are safe: each works in buffers of its own.
    """

    _kept_sizes = 8

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self._plan = Plan(tape)
        self.block_rows = _block_rows(self._plan)
        self._row_numbers = sum(math.prod(tape.nodes[output].row) for output in tape.outputs)
        products = [node for node in tape.nodes if node.operation == "matmul"]
        multiplications = (math.prod(node.row) * tape.nodes[node.operands[0]].row[-1] for node in products)
        self._few_rows = min(self.block_rows, _SMALL_PRODUCT // max([1, *multiplications]))
        # popping from and appending to these lists needs no lock; adding a new size does
        self._idle: dict[int, list[Block]] = {}
        self._idle_for_one: list[Block] = []
        self._lock = Lock()

    def __call__(self, *inputs: FloatArray) -> list[FloatArray]:
        """The outputs, (N, …) each, for inputs (N, size) each."""
        rows = len(inputs[0])
        if rows <= self._few_rows:
            return self._at_once(inputs, rows)
        check_memory(rows * self._row_numbers, f"the result for {rows:,} samples", "give fewer samples at a time")
        results = self._new_results(rows)
        # one BLAS thread: the blocks use all cores, and a product split among threads may round differently
        with _single_blas_thread():
            on_all_cores(partial(self._run, inputs, results), range(0, rows, self.block_rows))
        return results

    def one(self, *inputs: FloatArray) -> list[FloatArray]:
        """The outputs of one sample, without the axis of rows, for inputs (size,) each."""
        if not self._few_rows:
            return [result[0] for result in self(*(given[None] for given in inputs))]
        try:
            block = self._idle_for_one.pop()
        except IndexError:
            block = Block(self._plan, 1)
        for buffer, given in zip(block.inputs, inputs, strict=True):
            buffer[0] = given
        with np.errstate(all="ignore"):
            block.run()
        results = [output.copy() for output in block.first_outputs]
        self._idle_for_one.append(block)
        return results

    def _new_results(self, rows: int) -> list[FloatArray]:
        return [np.empty((rows, *self.tape.nodes[output].row)) for output in self.tape.outputs]

    def _at_once(self, inputs: Sequence[FloatArray], rows: int) -> list[FloatArray]:
        """Small batches, as in an optimizer's loop: threading and BLAS overhead do not pay off."""
        block = self._borrow(rows)
        for buffer, given in zip(block.inputs, inputs, strict=True):
            buffer[...] = given
        results = self._new_results(rows)
        with np.errstate(all="ignore"):
            block.run_into(results)
        self._give_back(block)
        return results

    def _run(self, inputs: Sequence[FloatArray], results: Sequence[FloatArray], start: int) -> None:
        stop = min(start + self.block_rows, len(inputs[0]))
        block = self._borrow(stop - start)
        for buffer, given in zip(block.inputs, inputs, strict=True):
            buffer[...] = given[start:stop]
        with np.errstate(all="ignore"):
            block.run_into([result[start:stop] for result in results])
        self._give_back(block)

    def _borrow(self, rows: int) -> Block:
        """A block that no other call uses."""
        try:
            return self._idle[rows].pop()
        except (KeyError, IndexError):
            return Block(self._plan, rows)

    def _give_back(self, block: Block) -> None:
        idle = self._idle.get(block.rows)
        if idle is None:
            with self._lock:
                idle = self._idle.setdefault(block.rows, [])
                while len(self._idle) > self._kept_sizes:
                    del self._idle[next(iter(self._idle))]
        idle.append(block)


def _block_rows(plan: Plan) -> int:
    """The number of rows of a block: a power of two that keeps the buffers in cache, but not too few."""
    fitting = _BLOCK_BYTES // max(Block(plan, 1).bytes, 1)
    rows = 1 << fitting.bit_length() >> 1
    return min(max(rows, _FEWEST_ROWS), _MOST_ROWS)


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def pool() -> ThreadPoolExecutor:
    """The worker threads for the blocks of a batch."""
    from concurrent.futures import ThreadPoolExecutor  # single samples do without the time that the import takes

    return ThreadPoolExecutor(cores(), thread_name_prefix="matnet")


def on_all_cores(work: Callable[[int], None], starts: Sequence[int]) -> None:
    """`work` for every start, in threads that each take the next start when they are done with one.

    The calling thread is one of them: if two threads are woken, the system may run one after the other. An error in any
    of them is raised here once all have stopped. After an interrupt a thread may still be finishing its start, so
    `work` must own the memory that it writes to.
    """
    waiting = list(reversed(starts))
    failures: list[BaseException] = []
    # plain locks: an interrupt within a Future's own condition can leave that locked
    locks = [Lock() for _ in range(min(cores(), len(starts)) - 1)]
    for lock in locks:
        lock.acquire()
    unclaimed = locks.copy()

    def take_turns() -> None:
        while (start := _taken(waiting)) is not None:
            work(start)

    def help_out() -> None:
        claimed = _taken(unclaimed)
        if claimed is None:
            return  # the work was done before this thread started
        try:
            take_turns()
        except BaseException as error:
            failures.append(error)
            waiting.clear()
            raise
        finally:
            claimed.release()

    try:
        with suppress(RuntimeError):  # the system gives no more threads, or Python is about to end
            for _ in locks:
                pool().submit(help_out)
        take_turns()
    finally:
        waiting.clear()
        late = set(iter(lambda: _taken(unclaimed), None))
        for lock in locks:
            if lock not in late:
                lock.acquire()
    if failures:
        raise failures[0]


def _taken(things: list[Thing]) -> Thing | None:
    """The last start; None if another thread took it or none is left."""
    try:
        return things.pop()
    except IndexError:
        return None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.cache_clear)  # a forked process has none of its parent's threads


class _SingleBlasThread:
    """Limits BLAS to one thread while any call is inside: the setting is per process, the last call restores it."""

    def __init__(self) -> None:
        from threadpoolctl import ThreadpoolController

        self._controller = ThreadpoolController()
        self._lock = Lock()
        self._inside = 0
        self._limits: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._limits = self._controller.limit(limits=1, user_api="blas")
            self._inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._limits.restore_original_limits()


@cache
def _single_blas_thread() -> _SingleBlasThread:
    return _SingleBlasThread()
