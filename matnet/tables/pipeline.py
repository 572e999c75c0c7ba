"""Work distributed to threads, with its results in order.

The calling thread reads and writes, so that an interrupt reaches it at once; the others parse, compute and format.
The amount of work in progress is bounded, and so is its memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from matnet.errors import Parameter, TableError
from matnet.tape.evaluate import cores

MOST_WORKERS = 8
"""Threads unless more are requested; each holds a block of the table and a chunk of the result in memory."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers:
    """Threads that compute ahead."""

    def __init__(self, pool: ThreadPoolExecutor, count: int) -> None:
        self._pool = pool
        self._count = count

    def in_order(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """`work` of every item, in the order of the items; its errors are raised in place of its result.

        Items are taken in the calling thread, one more than there are threads before the first result.
        """
        under_way: deque[Future[Result]] = deque()
        try:
            for item in items:
                under_way.append(self._pool.submit(work, item))
                if len(under_way) > self._count:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()


@contextmanager
def workers(count: int | None, per_core: int) -> Iterator[Workers]:
    """So many threads, or where `count` is None `per_core` for each core, at most eight.

    Raises
    ------
    TableError
        The number is not positive.
    """
    if count is not None and count < 1:
        raise TableError(Parameter("workers"), f" is {count}, expected 1 or more")
    chosen = min(per_core * cores(), MOST_WORKERS) if count is None else count
    pool = ThreadPoolExecutor(chosen, thread_name_prefix="matnet-table")
    try:
        yield Workers(pool, chosen)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
