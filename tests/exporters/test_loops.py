"""The loops that C-like languages share, run as Python: every row, and what the shapes and the buffers must be."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from exported_networks import disagreement, only_chooses, random_networks, row_networks, samples
from matnet.exporters.loops import Body, Constants, Language, View, dense, four_a_line
from matnet.exporters.operators import ARITHMETIC, COMPARISONS, functions
from matnet.exporters.recording import Function, Options, Port, Recording
from matnet.model.structure import Layer, Weight
from matnet.network import Network
from matnet.tape.symbols import Tape
from random_networks import Real, network
from tape_operations import LEFT, OPERATIONS, X, function_of


class Python(Language):
    """Statements that Python runs."""

    def __init__(self) -> None:
        self.table = {
            **ARITHMETIC,
            **COMPARISONS,
            **functions("np.{name}"),
            "logical_and": "({0}) and ({1})",
            "logical_or": "({0}) or ({1})",
            "logical_not": "not ({0})",
            "where": "({1}) if ({0}) else ({2})",
        }
        self.bytes = {"float": 8, "bool": 4, "int": 4}

    def literal(self, item: float | bool | int) -> str:
        return f"({item!r})" if not isinstance(item, bool) and math.copysign(1.0, item) < 0 else repr(item)

    def array(self, name: str, kind: str, numbers: Sequence[str]) -> list[str]:
        return [f"{name} = np.array([{', '.join(numbers)}], dtype={kind})"]

    def loop(self, name: str, start: int, stop: int, body: Sequence[str]) -> list[str]:
        return [f"for {name} in range({start}, {stop}):", *(f"    {line}" for line in body)]

    def local(self, kind: str, name: str, value: str) -> str:
        return f"{name} = {kind}({value})"

    def assign(self, target: str, value: str) -> str:
        return f"{target} = {value}"

    def branch(self, condition: str, statement: str) -> str:
        return f"if {condition}: {statement}"

    def scope(self, body: Sequence[str]) -> list[str]:
        return list(body)


def body_of(function: Function, constants: Constants) -> Body:
    return Body(function, constants, [dense(port.name, port.shape).at for port in function.results])


def run(function: Function, *arguments: Real) -> list[Real]:
    """The results of a function for the rows of its arguments; what was not written is NaN."""
    constants = Constants(Python())
    body = body_of(function, constants)
    code = compile("\n".join([*constants.lines, *body.lines]), "loops", "exec")
    results: list[Real] = [np.full((len(arguments[0]), port.size), np.nan) for port in function.results]
    for row in range(len(arguments[0])):
        names: dict[str, Any] = {"np": np, "nan": np.nan, "inf": np.inf}
        names |= {port.name: argument[row] for port, argument in zip(function.arguments, arguments, strict=True)}
        names |= {port.name: result[row] for port, result in zip(function.results, results, strict=True)}
        for name, (kind, count) in body.buffers.items():
            names[name] = np.full(count, np.nan) if kind == "float" else np.full(count, -7)
        with np.errstate(all="ignore"):
            exec(code, names)  # noqa: S102
    return [result.reshape(-1, *port.shape) for port, result in zip(function.results, results, strict=True)]


def worst(net: Network, x: Real) -> float:
    jacobian = not only_chooses(net)
    expected = net.value_and_jacobian(x) if jacobian else (net(x),)
    return max(
        disagreement(got, right)
        for function in Recording(net, "net", Options(jacobian=jacobian)).functions
        for got, right in zip(run(function, x), expected, strict=False)
    )


def test_every_row() -> None:
    found = {name: worst(net, samples(net)[[0, 9, 14, 16]]) for name, net in row_networks().items()}
    assert {name: size for name, size in found.items() if not size <= 1e-13} == {}


def test_random_networks() -> None:
    found = {name: worst(net, samples(net)[[0, 9, 14]]) for name, net in random_networks(10).items()}
    assert {name: size for name, size in found.items() if not size <= 1e-12} == {}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_on_every_shape(name: str) -> None:
    function, expected = function_of(name)
    (got,) = run(function, X)
    np.testing.assert_allclose(got, expected, rtol=1e-15, atol=0)


def test_memory_is_taken_once_for_what_is_needed_at_a_time() -> None:
    rng = np.random.default_rng(0)
    sizes = (8, 6, 7, 5, 8, 3, 6)
    layers = [Layer(8, "tansig", {0: Weight(rng.normal(size=(8, 8)))}, bias=rng.normal(size=8))]
    for number, (before, size) in enumerate(pairwise(sizes)):
        weights = {number: Weight(rng.normal(size=(size, before)))}
        layers.append(Layer(size, "tansig", {}, weights, rng.normal(size=size)))
    net = network(*layers, inputs=8)
    (value,) = Recording(net, "net", Options(jacobian=False)).functions
    body = body_of(value, Constants(Python()))
    # a product is added to its bias: two buffers of the widest layer
    assert body.buffers == {"w0": ("float", 8), "w1": ("float", 8)}
    assert body.work == 8 * 16


def buffers_of(compute: Callable[[Any, Any], Any], size: int) -> dict[str, tuple[str, int]]:
    """The buffers of a computation of six elements."""
    tape = Tape()
    x = tape.input(6)
    tape.finish([compute(x.__array_namespace__(), x)])
    function = Function("value", (Port("x", (6,)),), (Port("y", (size,)),), tape)
    return body_of(function, Constants(Python())).buffers


def test_a_node_takes_the_smallest_buffer_that_holds_it() -> None:
    def fits(xp: Any, x: Any) -> Any:
        both = xp.exp(x)[..., :3] * xp.exp(x[..., :3])  # w0 of 6, w1 of 3, both free after w2 of 3
        small = xp.exp(both)  # into w1, and w2 is free
        return xp.concat([small, small], axis=-1)  # into w0

    assert buffers_of(fits, 6) == {"w0": ("float", 6), "w1": ("float", 3), "w2": ("float", 3)}

    def grows(xp: Any, x: Any) -> Any:
        both = xp.exp(x[..., :3]) * xp.exp(x[..., :5])[..., :3]  # w0 of 3, w1 of 5, both free after w2 of 3
        return xp.concat([both, both], axis=-1)  # into w1, which grows

    assert buffers_of(grows, 6) == {"w0": ("float", 3), "w1": ("float", 6), "w2": ("float", 3)}
    # an array of no elements is not written in C
    assert buffers_of(lambda xp, x: xp.exp(x[..., 2:2]), 0) == {"w0": ("float", 1)}


def test_constants_are_written_once_and_a_transpose_is_seen_in_the_other() -> None:
    constants = Constants(Python())
    upright = constants.view(LEFT)
    assert constants.view(LEFT.copy()) is upright
    assert constants.view(LEFT.T) == View("c0", (1, 3), (3, 2))
    assert constants.view(LEFT.reshape(-1)) == View("c1", (1,), (6,))
    assert constants.view(np.array([True, False])) == View("c2", (1,), (2,))
    assert constants.view(np.array([2, 1, 0])) == View("c3", (1,), (3,))
    assert constants.view(np.zeros((0, 3))) == View("c4", (3, 1), (0, 3))
    # -0.0 is another number than 0.0, and what is equal everywhere needs no array
    assert constants.view(np.array([0.0, -0.0])).base == "c5"
    same = constants.view(np.full((2, 3), -0.5))
    assert same == View("(-0.5)", (0, 0), (2, 3), literal=True)
    assert same.at(["i0", "i1"]) == "(-0.5)"
    # of several matrices each is seen in its transpose
    pages = np.arange(12.0).reshape(2, 3, 2)
    several = Constants(Python())
    assert several.view(pages) == View("c0", (6, 2, 1), (2, 3, 2))
    assert several.view(pages.swapaxes(-1, -2)) == View("c0", (6, 1, 2), (2, 2, 3))
    assert constants.lines == [
        "c0 = np.array([0.5, -1.0, 2.0, 4.0, 0.25, -3.0], dtype=float)",
        "c1 = np.array([0.5, -1.0, 2.0, 4.0, 0.25, -3.0], dtype=float)",
        "c2 = np.array([True, False], dtype=bool)",
        "c3 = np.array([2, 1, 0], dtype=int)",
        "c4 = np.array([0], dtype=float)",
        "c5 = np.array([0.0, -0.0], dtype=float)",
    ]


def test_positions_are_written_shortly() -> None:
    assert dense("a", (2, 3)).at(["i0", "i1"]) == "a[i0 * 3 + i1]"
    assert dense("a", (2, 3)).at(["i0", "i1"], "()") == "a(i0 * 3 + i1)"
    assert dense("a", (2, 3)).at(["0", "i1"]) == "a[i1]"
    assert dense("a", (3,)).at(["i0", "i1"]) == "a[i1]"
    assert dense("a", ()).at(["i0"]) == "a[0]"
    assert dense("a", (1, 1)).at(["0", "0"]) == "a[0]"
    assert View("a", (0, 2), (4, 2), 5).at(["i0", "i1"]) == "a[i1 * 2 + 5]"
    assert View("a", (7, 1), (1, 2), 1).at(["k", "i1"]) == "a[i1 + 1]"


def test_four_numbers_a_line() -> None:
    assert four_a_line([]) == []
    assert four_a_line(list("abcd")) == ["a, b, c, d"]
    assert four_a_line(list("abcdefghi")) == ["a, b, c, d,", "e, f, g, h,", "i"]
