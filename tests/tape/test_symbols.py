"""Recording: constants folded, the same operation named once, dead entries dropped, and what symbols refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from matnet.tape.evaluate import Evaluator
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
