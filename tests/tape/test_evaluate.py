"""The tape's evaluator against a node-by-node interpretation, and what batches, blocks and threads must not change."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray

from interpreted_tapes import QUANTITIES, arguments, assert_close, interpreted
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.simulate import lay_out
from matnet.tape import evaluate
from matnet.tape.block import Block, Plan
from matnet.tape.evaluate import Evaluator
from matnet.tape.symbols import Symbol, compute, record
from random_networks import minmax, network, samples, structures
from trials import random_cases

Real = NDArray[np.float64]

few = random_cases(25)


@few
@given(structures())
def test_the_evaluator_computes_what_the_tape_says(structure: Structure) -> None:
    """Buffers that are used again, overwritten in place or shared with a concat are invisible from outside."""
    program = lay_out(structure)
    rng = np.random.default_rng(1)
    for name, quantity in QUANTITIES.items():
        sizes = arguments(structure, name)
        tape = record(program, quantity, sizes)
        run = Evaluator(tape)
        for rows in (3, 3, 1):  # the second time the buffers hold what the first run left in them
            inputs = [rng.normal(size=(rows, size)) for size in sizes]
            given = [array.copy() for array in inputs]
            found = run(*inputs)
            for array, kept in zip(inputs, given, strict=True):
                np.testing.assert_array_equal(array, kept)
            for result, expected in zip(found, interpreted(tape, inputs), strict=True):
                assert_close(result, expected)


@few
@given(structures())
def test_every_shape_on_a_tape_is_the_one_that_is_computed(structure: Structure) -> None:
    """But for a constant that stands for all rows, a node's recorded shape is its result's: exporters rely on it."""
    program = lay_out(structure)
    for name, quantity in QUANTITIES.items():
        tape = record(program, quantity, arguments(structure, name))
        values: list[Any] = []
        for node in tape.nodes:
            shape = tuple(2 if size is None else size for size in node.shape)
            given = [values[k] for k in node.operands]
            value = node.value if node.value is not None else np.ones(shape)
            if node.operands:
                with np.errstate(all="ignore"):
                    value = compute(node.operation, given, node.attributes, shape)
            values.append(value)
            assert value.shape == shape, node
            assert value.dtype.kind == {"float": "f", "bool": "b", "int": "i"}[node.kind], node


def deep() -> Network:
    """3-12-9-2 with both kinds of coupled and uncoupled layers, wide enough that blocks are short."""
    rng = np.random.default_rng(8)
    first = Layer(12, "tansig", {0: Weight(rng.normal(size=(12, 3)))}, bias=rng.normal(size=12))
    second = Layer(9, "softmax", {}, {0: Weight(rng.normal(size=(9, 12)))}, rng.normal(size=9))
    last = Layer(
        2, "purelin", {0: Weight(rng.normal(size=(2, 3)))}, {1: Weight(rng.normal(size=(2, 9)))}, rng.normal(size=2)
    )
    return network(first, second, last, inputs=3, outputs={2: (minmax(2, rng),)})


def evaluator(net: Network, name: str) -> Evaluator:
    return Evaluator(record(net.program, QUANTITIES[name], arguments(net.structure, name)))


BATCHES = ["value", "jacobian", "hessian", "parameter_jacobian"]


@pytest.mark.parametrize("name", BATCHES)
def test_batches_around_a_block(name: str) -> None:
    run = evaluator(deep(), name)
    block = run.block_rows
    for rows in (0, 1, block - 1, block, block + 1, 3 * block, 3 * block + 5):
        x = samples(deep(), rows)
        (found,) = run(x)
        (expected,) = interpreted(run.tape, [x])
        assert found.shape == expected.shape
        assert found.flags.c_contiguous
        assert_close(found, expected)


@pytest.mark.parametrize("name", BATCHES)
def test_cutting_a_batch_at_whole_blocks_changes_no_bit(name: str) -> None:
    run = evaluator(deep(), name)
    block = run.block_rows
    x = samples(deep(), 4 * block + 7)
    (whole,) = run(x)
    for cuts in ([block], [2 * block], [block, 3 * block], [4 * block], [block, 2 * block, 3 * block, 4 * block]):
        pieces = [run(piece)[0] for piece in np.split(x, cuts)]
        np.testing.assert_array_equal(np.concatenate(pieces), whole)


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_the_number_of_threads_changes_no_bit(name: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    run = evaluator(deep(), name)
    x = samples(deep(), 6 * run.block_rows + 11)
    (expected,) = run(x)
    with ThreadPoolExecutor(threads) as pool:
        monkeypatch.setattr(evaluate, "cores", lambda: threads)
        monkeypatch.setattr(evaluate, "pool", lambda: pool)
        (found,) = run(x)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_start_has_its_turn_once(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "cores", lambda: threads)
    for count in (1, 2, 5, 1000):
        done: list[int] = []
        evaluate.on_all_cores(done.append, range(count))
        assert sorted(done) == list(range(count))


@pytest.mark.parametrize("threads", [1, 3])
def test_a_failure_in_any_thread_is_raised_and_ends_the_work(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "cores", lambda: threads)
    begun: list[int] = []

    def work(start: int) -> None:
        begun.append(start)
        raise ArithmeticError(start)

    with pytest.raises(ArithmeticError):
        evaluate.on_all_cores(work, range(1000))
    assert 1 <= len(begun) <= threads


def test_where_no_thread_can_be_started_the_calling_one_does_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with ThreadPoolExecutor(3) as pool:
        monkeypatch.setattr(evaluate, "cores", lambda: 3)
        monkeypatch.setattr(evaluate, "pool", lambda: pool)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            done: list[int] = []
            evaluate.on_all_cores(done.append, range(10))
            assert sorted(done) == list(range(10))


def test_a_large_batch_may_be_computed_as_python_ends() -> None:
    """In a function that `atexit` calls, when no thread can be started any more."""
    code = (
        "import atexit, numpy, matnet\n"
        "net = matnet.load('fixtures/pump.mat')\n"
        "atexit.register(lambda: print(net(numpy.full((100_000, 2), 50.0)).shape))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("(100000, 1)\n", "")


def test_a_failure_of_a_helper_alone_is_raised_and_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "cores", lambda: 3)
    failed = threading.Event()
    done: list[int] = []

    def work(start: int) -> None:
        if threading.current_thread() is not threading.main_thread():
            failed.set()
            raise ArithmeticError(start)
        failed.wait(10)
        time.sleep(0.001)
        done.append(start)

    with pytest.raises(ArithmeticError):
        evaluate.on_all_cores(work, range(1000))
    assert len(done) < 500


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer signals here")
def test_an_interrupt_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the calling thread's turn or while it waits for another's: nothing more is begun, and later calls work."""
    monkeypatch.setattr(evaluate, "cores", lambda: 2)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for own, others in ((0.5, 0.05), (0.01, 0.5)):
            begun: list[int] = []

            def work(start: int, own: float = own, others: float = others, begun: list[int] = begun) -> None:
                begun.append(start)
                time.sleep(own if threading.current_thread() is threading.main_thread() else others)

            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(KeyboardInterrupt):
                evaluate.on_all_cores(work, range(12 if own > others else 3))
            assert len(begun) < 12
            time.sleep(0.5)
            after = len(begun)
            time.sleep(0.1)
            assert len(begun) == after
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    done: list[int] = []
    evaluate.on_all_cores(done.append, range(100))
    assert sorted(done) == list(range(100))


def test_wide_products_do_not_depend_on_the_blas_threads() -> None:
    """Of a layer so wide that a BLAS library would share one block's product among threads."""
    import threadpoolctl

    rng = np.random.default_rng(0)
    hidden = Layer(300, "tansig", {0: Weight(rng.normal(size=(300, 40)))}, bias=rng.normal(size=300))
    middle = Layer(300, "tansig", {}, {0: Weight(rng.normal(size=(300, 300)) / 17.0)}, bias=rng.normal(size=300))
    net = network(hidden, middle, Layer(3, "purelin", {}, {1: Weight(rng.normal(size=(3, 300)))}), inputs=40)
    x = rng.normal(size=(65, 40))
    found = []
    for threads in (1, 2, 4):
        with threadpoolctl.threadpool_limits(threads, user_api="blas"):
            found.append(net.value_and_jacobian(x))
    for y, J in found[1:]:
        np.testing.assert_array_equal(y, found[0][0])
        np.testing.assert_array_equal(J, found[0][1])


def blas_threads() -> list[int]:
    import threadpoolctl

    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]


def test_calls_from_many_threads_at_once() -> None:
    """With many batch sizes, more than are kept, so that blocks are made and dropped under the callers' feet."""
    net = deep()
    before = blas_threads()
    batches = [samples(net, rows, seed) for seed, rows in enumerate([1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 2500] * 6)]
    expected = [(net(x), net.jacobian(x)) for x in batches]
    ready = threading.Barrier(6)

    def work(worker: int) -> list[tuple[Real, Real]]:
        ready.wait()
        return [(net(x), net.jacobian(x)) for x in batches[worker::6]]

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(work, range(6)))
    for worker, results in enumerate(found):
        for (y, J), (expected_y, expected_J) in zip(results, expected[worker::6], strict=True):
            np.testing.assert_array_equal(y, expected_y)
            np.testing.assert_array_equal(J, expected_J)
    assert blas_threads() == before


def test_results_are_the_callers_own() -> None:
    net = deep()
    x = samples(net, 4)
    first = net.jacobian(x)
    kept = first.copy()
    first[...] = np.nan
    np.testing.assert_array_equal(net.jacobian(x), kept)
    second = net.jacobian(2.0 * x)
    assert not np.array_equal(second, kept)
    np.testing.assert_array_equal(net.jacobian(x), kept)


_FORKING = """
import multiprocessing

import numpy as np

from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network


def rows_of_a_child(net, x, answer):
    answer.put(net.jacobian(x))


rng = np.random.default_rng(8)
hidden = Layer(12, "tansig", {0: Weight(rng.normal(size=(12, 3)))}, bias=rng.normal(size=12))
last = Layer(2, "softmax", {}, {0: Weight(rng.normal(size=(2, 12)))}, rng.normal(size=2))
net = Network(Structure((Input(3),), (hidden, last), (Output(1, 2),)))
x = rng.normal(size=(5000, 3))
expected = net.jacobian(x)
context = multiprocessing.get_context("fork")
answer = context.Queue()
child = context.Process(target=rows_of_a_child, args=(net, x, answer))
child.start()
found = answer.get(timeout=60)
child.join(60)
np.testing.assert_array_equal(found, expected)
print(len(found), "rows of the child")
"""
"""Run in a process of its own: other libraries in this one warn of forks."""


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not forked on Windows")
def test_a_forked_process_has_threads_of_its_own() -> None:
    """A pool that was started before the fork has no threads after it: waiting for one would take for ever."""
    done = subprocess.run([sys.executable, "-c", _FORKING], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "5000 rows of the child\n"), done.stderr


def test_constants_beside_parts_that_vary_stay_right_in_later_runs() -> None:
    """A constant part of a concat is written once; nothing else may be computed where it lies."""

    def quantity(_: Any, x: Symbol) -> Any:
        xp = x.__array_namespace__()
        grown = xp.exp(x) * xp.exp(x + 1.0)
        constants = xp.broadcast_to(xp.asarray(np.array([7.0, 8.0])), (None, 2))
        joined = xp.concat([grown, constants, x * 3.0], axis=-1)
        return xp.tanh(joined) + joined, xp.concat([grown + 1.0, joined], axis=-1)

    net = deep()
    run = Evaluator(record(net.program, quantity, [3]))
    for seed in range(3):
        x = samples(net, 5, seed)
        grown = np.exp(x) * np.exp(x + 1.0)
        joined = np.concatenate([grown, np.broadcast_to([7.0, 8.0], (5, 2)), 3.0 * x], axis=-1)
        found = run(x)
        np.testing.assert_allclose(found[0], np.tanh(joined) + joined, rtol=1e-15)
        np.testing.assert_allclose(found[1], np.concatenate([grown + 1.0, joined], axis=-1), rtol=1e-15)


@pytest.mark.parametrize("rows", [1, 5, 20])
def test_results_are_written_where_they_belong_whatever_else_reads_them(rows: int) -> None:
    """An output that is read later, is there twice, is a part of another or an input, beside one that is none of it."""

    def quantity(_: Any, x: Symbol) -> Any:
        xp = x.__array_namespace__()
        read_later = xp.exp(x)
        whole = xp.tanh(x * 2.0)
        return read_later, whole, whole, whole[:, 1:], x, xp.matmul(read_later, xp.asarray(np.eye(3) * 2.0))

    run = Evaluator(record(deep().program, quantity, [3]))
    x = samples(deep(), rows)
    for _ in range(2):
        read_later, whole, again, part, same, product = run(x)
        np.testing.assert_allclose(read_later, np.exp(x), rtol=1e-15)
        for found, right in ((whole, whole), (again, whole), (part, whole[:, 1:])):
            np.testing.assert_array_equal(found, right)
        np.testing.assert_allclose(whole, np.tanh(2.0 * x), rtol=1e-15)
        np.testing.assert_array_equal(same, x)
        np.testing.assert_allclose(product, 2.0 * np.exp(x), rtol=1e-15)


@pytest.mark.parametrize("rows", [0, 1, 3, 5000])
def test_a_constant_is_a_result_in_every_row_even_without_inputs(rows: int) -> None:
    def constants(_: Any, x: Symbol) -> Any:
        xp = x.__array_namespace__()
        return xp.broadcast_to(xp.asarray(np.array([7.0, 8.0])), (None, 2))

    run = Evaluator(record(deep().program, constants, [0]))
    np.testing.assert_array_equal(run(np.zeros((rows, 0)))[0], np.full((rows, 2), [7.0, 8.0]))


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_part_of_what_is_computed_is_a_result_of_its_own(rows: int) -> None:
    """Of a single row the first columns lie side by side where the whole begins, yet the whole is not the result."""
    run = Evaluator(record(deep().program, lambda _, x: x.__array_namespace__().tanh(x * 2.0)[:, :2], [3]))
    x = samples(deep(), rows)
    np.testing.assert_allclose(run(x)[0], np.tanh(2.0 * x)[:, :2], rtol=1e-15)


@pytest.mark.parametrize("rows", [1, 2, 7, 8, 48, 64])
def test_constants_of_every_shape_are_laid_along_the_right_axis(rows: int) -> None:
    """A row, a column, one number and a whole matrix beside rows and matrices, in the evaluator's longer rows."""
    rng = np.random.default_rng(rows)
    row, column, whole, number = (rng.normal(size=size) for size in ((3,), (3, 1), (3, 3), (1, 1)))

    def quantity(_: Any, x: Symbol) -> Any:
        xp = x.__array_namespace__()
        matrices = x[:, :, None] * x[:, None, :]
        return (
            x + xp.asarray(row),
            matrices - xp.asarray(row),
            matrices / xp.asarray(column),
            xp.asarray(whole) * matrices,
            (xp.asarray(row) - matrices) * xp.asarray(number),
            matrices * xp.asarray(row) + matrices * xp.asarray(column),
        )

    run = Evaluator(record(deep().program, quantity, [3]))
    x = samples(deep(), rows)
    m = x[:, :, None] * x[:, None, :]
    expected = (x + row, m - row, m / column, whole * m, (row - m) * number, m * row + m * column)
    for found, right in zip(run(x), expected, strict=True):
        np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize(
    ("quantity", "numbers"),
    [
        (lambda xp, x: xp.exp(x), 6),
        (lambda xp, x: xp.tanh(xp.exp(x)), 6),
        (lambda xp, x: xp.exp(x) * xp.exp(x), 6),
        (lambda xp, x: xp.tanh(xp.exp(x)) + xp.exp(x), 9),
        (lambda xp, x: xp.concat([xp.exp(x), xp.tanh(x)], axis=-1), 9),
        (lambda xp, x: xp.concat([xp.exp(x), xp.exp(x)], axis=-1), 12),
        # a sum of squares is not the squares, and lies beside x
        (lambda xp, x: xp.concat([xp.sum(xp.exp(x)[:, :, None] * x[:, None, :], axis=-1), x], axis=-1), 3 + 3 + 9 + 6),
        (lambda xp, x: xp.tanh(xp.where(x > 0.0, x, xp.exp(x))), 6 + 3 / 8),
        # a transposed operand would be overwritten before it is read
        (lambda xp, x: (m := x[:, :, None] * xp.exp(x)[:, None, :]) - xp.matrix_transpose(m), 3 + 3 + 9 + 9),
    ],
)
def test_results_lie_where_nothing_else_is_needed(quantity: Any, numbers: float) -> None:
    """The numbers of a row by hand: the input, and what is needed at the same time."""
    tape = record(deep().program, lambda _, x: quantity(x.__array_namespace__(), x), [3])
    block = Block(Plan(tape), 7)
    assert block.bytes == 7 * 8 * numbers
    x = samples(deep(), 7)
    block.inputs[0][...] = x
    block.run()
    np.testing.assert_array_equal(block.outputs[0], quantity(np, x))


def test_the_last_one_out_gives_blas_its_threads_back() -> None:
    from threadpoolctl import threadpool_info, threadpool_limits

    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    single = evaluate._single_blas_thread()
    with threadpool_limits(2, user_api="blas"):
        if threads() != {2}:
            pytest.skip("this BLAS cannot be told how many threads to use")
        with single:
            assert threads() == {1}
            with single:
                assert threads() == {1}
            assert threads() == {1}
        assert threads() == {2}
        net = Network(Structure((Input(2),), (Layer(2, "tansig", {0: Weight(np.eye(2))}),), (Output(0, 2),)))
        net.jacobian(np.zeros((100_000, 2)))
        assert threads() == {2}


@pytest.mark.parametrize(
    ("size", "rows"),
    [(4, 4096), (64, 4096), (65, 2048), (100, 2048), (512, 512), (513, 256), (4096, 64), (1 << 18, 8), (1 << 19, 8)],
)
def test_blocks_fit_the_cache(size: int, rows: int) -> None:
    """An input and one result, 16 bytes an element: 4 MiB, but at least 8 and at most 4,096 rows."""
    tape = record(deep().program, lambda _, x: x.__array_namespace__().exp(x), [size])
    assert Evaluator(tape).block_rows == rows


@pytest.mark.parametrize(
    ("sizes", "few"), [((2, 3), 4096), ((3, 8), 65536 // 24), ((20, 40), 81), ((256, 256), 1), ((257, 256), 0)]
)
def test_small_batches_are_those_of_products_that_blas_computes_in_one_thread(sizes: tuple[int, int], few: int) -> None:
    """At most 65,536 multiplications in the largest product; here the second of three."""
    inner, outer = sizes

    def quantity(_: Any, x: Symbol) -> Any:
        xp = x.__array_namespace__()
        small = xp.matmul(x, xp.asarray(np.ones((1, inner))))
        return xp.matmul(xp.matmul(small, xp.asarray(np.ones((inner, outer)))), xp.asarray(np.ones((outer, 1))))

    run = Evaluator(record(deep().program, quantity, [1]))
    assert run._few_rows == min(few, run.block_rows)
    for rows in (1, 3):
        np.testing.assert_array_equal(run(np.ones((rows, 1)))[0], np.full((rows, 1), float(inner * outer)))
    assert run.one(np.ones(1))[0].tolist() == [float(inner * outer)]


def test_the_products_of_a_row_of_matrices_are_counted_by_their_inner_size() -> None:
    """(2, 3) by (3, 400): 2,400 multiplications, of which 27 rows have at most 65,536."""

    def quantity(_: Any, x: Symbol) -> Any:
        xp = x.__array_namespace__()
        return xp.matmul(x[:, :2, None] * x[:, None, :3], xp.asarray(np.ones((3, 400))))

    assert Evaluator(record(deep().program, quantity, [3]))._few_rows == 27


def test_cores_are_those_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = {0: {0, 1, 2}}
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: allowed[process], raising=False)
    assert evaluate.cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    for count, cores in ((5, 5), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        assert evaluate.cores() == cores


def test_results_that_no_memory_holds_are_refused_by_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    monkeypatch.setattr(evaluate, "check_memory", lambda numbers, *words: told.append(numbers))
    run = evaluator(deep(), "jacobian")
    run(samples(deep(), run.block_rows + 1))
    assert told == [(run.block_rows + 1) * 2 * 3]


def test_a_part_of_a_concat_may_have_been_split_otherwise() -> None:
    """Its memory is computed apart: rows of 4 by 4 become 2 by 8, beside 2 by 2."""

    def quantity(_: Any, x: Symbol) -> Any:
        xp = x.__array_namespace__()
        products = xp.exp(x[:, :, None] * x[:, None, :])
        beside = xp.reshape(x * 2.0, (None, 2, 2))
        flat = xp.concat([xp.reshape(products, (None, 16)), x * 3.0], axis=-1)
        return xp.concat([beside, xp.reshape(xp.exp(products), (None, 2, 8))], axis=-1), flat

    run = Evaluator(record(deep().program, quantity, [4]))
    x = np.random.default_rng(0).normal(size=(5, 4))
    products = np.exp(x[:, :, None] * x[:, None, :])
    for _ in range(2):
        parts, flat = run(x)
        np.testing.assert_array_equal(parts[:, :, :2], (2.0 * x).reshape(5, 2, 2))
        np.testing.assert_allclose(parts[:, :, 2:], np.exp(products).reshape(5, 2, 8), rtol=1e-15)
        np.testing.assert_allclose(flat, np.concatenate([products.reshape(5, 16), 3.0 * x], axis=1), rtol=1e-15)


def test_parts_of_a_concat_may_lie_otherwise_in_memory_than_what_they_are_reshaped_from() -> None:
    """Only a row of matrices whose last two axes are merged lies within the memory of the whole as it stands."""

    def quantity(_: Any, x: Symbol) -> Any:
        xp = x.__array_namespace__()
        split = xp.reshape(xp.exp(x), (None, 2, 3))
        exchanged = xp.reshape(xp.exp(x[:, :2, None] * x[:, None, :3]), (None, 3, 2))
        product = xp.reshape(xp.matmul(x[:, :, None], x[:, None, :2]), (None, 12))
        return (
            xp.concat([split, split * 2.0], axis=-1),
            xp.concat([exchanged, exchanged * 2.0], axis=-1),
            xp.concat([product, x], axis=-1),
        )

    run = Evaluator(record(deep().program, quantity, [6]))
    x = np.random.default_rng(0).normal(size=(5, 6))
    split = np.exp(x).reshape(5, 2, 3)
    exchanged = np.exp(x[:, :2, None] * x[:, None, :3]).reshape(5, 3, 2)
    product = (x[:, :, None] * x[:, None, :2]).reshape(5, 12)
    for _ in range(2):
        first, second, third = run(x)
        np.testing.assert_array_equal(first, np.concatenate([split, 2.0 * split], axis=-1))
        np.testing.assert_array_equal(second, np.concatenate([exchanged, 2.0 * exchanged], axis=-1))
        np.testing.assert_array_equal(third, np.concatenate([product, x], axis=-1))


@pytest.mark.parametrize(
    ("size", "rows", "length"),
    [(3, 64, 192), (3, 96, 96), (3, 128, 384), (3, 1024, 384), (5, 1024, 320), (3, 7, 3), (256, 8, 512), (257, 8, 257)],
)
def test_a_constant_row_is_added_to_rows_many_times_as_long(size: int, rows: int, length: int) -> None:
    """A power of two that divides the number of rows, and 512 elements at most."""
    row = np.random.default_rng(0).normal(size=size)
    tape = record(deep().program, lambda _, x: x + x.__array_namespace__().asarray(row), [size])
    block = Block(Plan(tape), rows)
    x = np.random.default_rng(1).normal(size=(rows, size))
    block.inputs[0][...] = x
    block.run()
    np.testing.assert_array_equal(block.outputs[0], x + row)
    ((_, operands),) = block._instructions
    assert {operand.shape[-1] for operand in operands} == {length}
