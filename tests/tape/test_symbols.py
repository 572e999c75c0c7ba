"""Recording: constants folded, the same operation named once, dead entries dropped, and what symbols refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from matnet.tape.evaluate import Evaluator
from matnet.tape.simplify import simplified
from matnet.tape.symbols import Tape


def recorded(of: Callable[[Any, Any], Any], size: int = 3) -> Tape:
    """The tape of `of(xp, x)`."""
    tape = Tape()
    x = tape.input(size)
    tape.finish([of(x.__array_namespace__(), x)])
    return tape


def operations(tape: Tape) -> list[str]:
    return [node.operation for node in tape.nodes]


def test_the_same_operation_on_the_same_operands_is_recorded_once() -> None:
    tape = recorded(lambda xp, x: xp.exp(x) * xp.exp(x) + xp.exp(x))
    assert operations(tape) == ["input", "exp", "multiply", "add"]


def test_what_is_computed_from_constants_alone_is_computed_at_once() -> None:
    tape = recorded(lambda xp, x: x + xp.sqrt(xp.asarray(np.array([4.0, 9.0, 16.0]))) * 2.0)
    assert operations(tape) == ["input", "constant", "add"]
    value = tape.nodes[1].value
    assert value is not None
    assert value.tolist() == [4.0, 6.0, 8.0]


def test_a_constant_stays_what_it_was() -> None:
    """Whatever becomes of the array that it was made of, and whoever reads it."""
    given = np.array([1.0, 2.0, 3.0])
    (value,) = [node.value for node in recorded(lambda xp, x: x * given).nodes if node.value is not None]
    given[0] = 7.0
    assert value.tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="read-only"):
        value[0] = 7.0


def test_equal_constants_are_recorded_once_and_zeros_of_both_signs_kept_apart() -> None:
    tape = recorded(lambda xp, x: (x + 0.0) * (x * 0.0) + x * -0.0)
    values = [node.value for node in tape.nodes if node.value is not None]
    assert [(float(value), bool(np.signbit(value))) for value in values] == [(0.0, False), (0.0, True)]


def test_what_no_output_needs_is_dropped() -> None:
    tape = recorded(lambda xp, x: (xp.exp(x), xp.tanh(x))[1])
    assert operations(tape) == ["input", "tanh"]


def test_an_unused_input_stays() -> None:
    tape = Tape()
    x, _ = tape.input(2), tape.input(3)
    tape.finish([x * 2.0])
    assert [tape.nodes[number].shape for number in tape.inputs] == [(None, 2), (None, 3)]


def test_a_factor_of_one_and_a_transpose_undone_leave_nothing() -> None:
    tape = recorded(lambda xp, x: xp.matrix_transpose(xp.matrix_transpose((x * np.ones(3))[..., None, :])))
    assert operations(tape) == ["input", "index"]


@pytest.mark.parametrize(
    "of",
    [
        lambda xp, x: xp.zeros_like(x) + xp.ones_like(x),
        lambda xp, x: xp.zeros_like(x) + x * xp.ones_like(x),
        lambda xp, x: xp.where(x > 0.0, xp.zeros_like(x), xp.ones_like(x)),
        lambda xp, x: xp.sum(xp.ones_like(x), axis=-1, keepdims=True) * xp.ones_like(x),
    ],
)
def test_a_broadcast_is_dropped_only_where_the_shape_stays(of: Callable[[Any, Any], Any]) -> None:
    """Two broadcasts that meet must not both be dropped: the batch would be lost."""
    x = np.array([[1.0, -2.0, 3.0], [-1.0, 0.5, 0.0]])
    tape = recorded(of)
    (found,) = Evaluator(tape)(x)
    np.testing.assert_array_equal(found, of(np, x))
    for node in tape.nodes:
        shapes = [tape.nodes[operand].shape for operand in node.operands]
        if node.batched and node.operation in ("add", "multiply", "where"):
            assert any(shape and shape[0] is None for shape in shapes)


def test_zeros_and_ones_beside_what_has_the_shape_are_numbers() -> None:
    tape = recorded(lambda xp, x: xp.zeros_like(x) + xp.where(x > 0.5, xp.ones_like(x), x) + xp.ones_like(x))
    assert "broadcast" not in operations(tape)


def symbol() -> Any:
    return Tape().input(3)


REFUSED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: bool(x > 0.0), "a symbol has no truth value: a row may not branch on the data"),
    (lambda x: x[0], "the batch axis of a symbol cannot be indexed"),
    (lambda x: x[:2, :], "the batch axis of a symbol cannot be indexed"),
    (lambda x: x[:, ::2], "slices of a symbol with a step are not supported"),
    (lambda x: x.__array_namespace__().sum(x, axis=0), "a symbol can only be reduced over its last axis"),
    (lambda x: x.__array_namespace__().matrix_transpose(x), "the batch axis of a symbol cannot be transposed"),
]


@pytest.mark.parametrize(("use", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_a_row_may_not_do(use: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(TypeError) as caught:
        use(symbol())
    assert str(caught.value) == message


def test_numpy_leaves_mixed_arithmetic_to_the_symbol() -> None:
    x = symbol()
    for mixed in (np.ones(3) + x, np.ones(3) - x, 2.0 * x, 1.0 / x, np.float64(3.0) * x, np.ones(3) < x):
        assert type(mixed) is type(x)
        assert mixed.shape == (None, 3)


def test_an_input_may_have_no_elements() -> None:
    tape = Tape()
    x, y = tape.input(2), tape.input(0)
    tape.finish([x * 2.0, y])
    short = simplified(tape)
    assert [short.nodes[number].shape for number in short.inputs] == [(None, 2), (None, 0)]


@pytest.mark.parametrize(
    ("of", "shape"),
    [
        (lambda x: x[:, 1:], (None, 4, 3)),
        (lambda x: x[:, 3:1], (None, 0, 3)),
        (lambda x: x[:, -2:, :-1], (None, 2, 2)),
        (lambda x: x[..., 0], (None, 5)),
        (lambda x: x[:, None, ..., None], (None, 1, 5, 3, 1)),
        (lambda x: x[:, 1, None], (None, 1, 3)),
        (lambda x: x[..., None, :], (None, 5, 1, 3)),
    ],
)
def test_indices_give_what_numpys_give(of: Callable[[Any], Any], shape: tuple[int | None, ...]) -> None:
    tape = Tape()
    flat = tape.input(15)
    x = flat.__array_namespace__().reshape(flat, (None, 5, 3))
    found = of(x)
    assert found.shape == shape
    tape.finish([found * 2.0])
    values = np.arange(60.0).reshape(4, 15)
    np.testing.assert_array_equal(Evaluator(tape)(values)[0], 2.0 * of(values.reshape(4, 5, 3)))


def test_products_of_rows_vectors_and_stacks() -> None:
    """Shapes and numbers of every product that is recorded, and the one that is refused."""
    rng = np.random.default_rng(0)
    row, matrix, stack = rng.normal(size=3), rng.normal(size=(3, 4)), rng.normal(size=(2, 4, 3))
    x = rng.normal(size=(5, 3))
    cases: list[tuple[Callable[[Any, Any], Any], tuple[int | None, ...]]] = [
        (lambda xp, x: xp.matmul(x, xp.asarray(matrix)), (None, 4)),
        (lambda xp, x: xp.matmul(xp.asarray(row), x[:, :, None]), (None, 1)),
        (lambda xp, x: xp.matmul(xp.asarray(stack[0]), x[:, :, None]), (None, 4, 1)),
        (lambda xp, x: xp.matmul(x[:, :, None], x[:, None, :]), (None, 3, 3)),
        (lambda xp, x: xp.matmul(xp.asarray(stack), x[:, None, :, None]), (None, 2, 4, 1)),
    ]
    for of, shape in cases:
        tape = recorded(of)
        assert tape.nodes[tape.outputs[0]].shape == shape
        np.testing.assert_allclose(Evaluator(tape)(x)[0], of(np, x), rtol=1e-15)
    with pytest.raises(
        TypeError, match=r"^the batch axis cannot be a matrix axis if the other operand has batched mat"
    ):
        recorded(lambda xp, x: xp.matmul(x, xp.asarray(stack.swapaxes(1, 2))))


@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions_give_what_numpys_give(keepdims: bool) -> None:
    x = np.array([[1.0, 3.0, 3.0], [0.5, -1.0, np.nan], [-2.0, -2.0, -7.0]])
    kept = {"keepdims": True} if keepdims else {}  # by default the axis is dropped
    for name, kind in (("sum", "float"), ("max", "float"), ("min", "float"), ("argmax", "int")):
        tape = recorded(lambda xp, x, name=name: getattr(xp, name)(x, axis=-1, **kept))  # type: ignore[misc]
        node = tape.nodes[tape.outputs[0]]
        assert (node.shape, node.kind) == ((None, 1) if keepdims else (None,), kind)
        tape = recorded(lambda xp, x, name=name: getattr(xp, name)(x, axis=-1, **kept) + 0.0)  # type: ignore[misc]
        np.testing.assert_array_equal(Evaluator(tape)(x)[0], getattr(np, name)(x, axis=-1, keepdims=keepdims))


def test_kinds_are_those_of_the_results() -> None:
    tape = Tape()
    x = tape.input(2)
    xp = x.__array_namespace__()
    assert [symbol.dtype for symbol in (x, x > 0.0, x + 1.0, xp.where(x > 0.0, x, x), ~(x > 0.0))] == [
        "float", "bool", "float", "float", "bool",
    ]  # fmt: skip
    assert tape.constant(3).dtype == "float"
    assert tape.constant(True).dtype == "bool"
    assert tape.constant(np.array([1, 2])).dtype == "int"
    assert tape.constant(np.float32(0.1)).value == np.float64(np.float32(0.1))


def test_the_rows_of_a_batch_are_told_from_constants() -> None:
    """Also of results of one number a row, and of constants with no axis or several."""
    tape = Tape()
    x = tape.input(3)
    xp = x.__array_namespace__()
    sums = xp.sum(x, axis=-1)
    symbols = (x, sums, x[:, None, :], tape.constant(2.0), tape.constant(np.ones(3)), tape.constant(np.ones((1, 3))))
    found = [(tape.nodes[symbol.number].batched, tape.nodes[symbol.number].row) for symbol in symbols]
    assert found == [(True, (3,)), (True, ()), (True, (1, 3)), (False, ()), (False, (3,)), (False, (1, 3))]
