"""What derivatives take at least, and that no more than the machine has is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from matnet import ShapeError
from matnet.derivatives import memory
from matnet.derivatives.memory import check_directions
from matnet.model.structure import Layer, Weight
from matnet.simulate import Program, lay_out
from random_networks import network


def perceptron(inputs: int, hidden: int, outputs: int) -> Program:
    first = Layer(hidden, "tansig", {0: Weight(np.ones((hidden, inputs)))}, bias=np.ones(hidden))
    last = Layer(outputs, "purelin", {}, {0: Weight(np.ones((outputs, hidden)))})
    return lay_out(network(first, last, inputs=inputs).structure)


SIZES = {
    "the fewer directions of a wide layer, one each for 2 outputs": ((3, 50, 2), 1, 2 * 100),
    "the fewer directions of a wide layer, one each for 3 inputs": ((3, 50, 7), 1, 3 * 100),
    "second derivatives take both kinds of directions": ((3, 50, 7), 2, 7 * 100),
    "a Hessian that is larger than its directions": ((40, 1, 2), 2, 2 * 40 * 40),
}


@pytest.mark.parametrize("case", SIZES)
def test_the_numbers_of_one_sample(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, order, numbers = SIZES[case]
    program = perceptron(*sizes)
    of, wrt = program.outputs, [leaf.signal for leaf in program.leaves]
    monkeypatch.setattr(memory, "machine_memory", lambda: 8 * numbers)
    check_directions(program, of, wrt, order)
    monkeypatch.setattr(memory, "machine_memory", lambda: 8 * numbers - 1)
    with pytest.raises(ShapeError):
        check_directions(program, of, wrt, order)


def test_a_machine_that_does_not_say_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> int:
        raise ValueError(name)

    monkeypatch.setattr("os.sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 3}.__getitem__, raising=False)
    assert memory.machine_memory.__wrapped__() == 12288
    monkeypatch.setattr("os.sysconf", unknown, raising=False)
    assert memory.machine_memory.__wrapped__() == 16 * 2**30


def test_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    program = perceptron(2000, 1, 2)
    of, wrt = program.outputs, [leaf.signal for leaf in program.leaves]
    monkeypatch.setattr(memory, "machine_memory", lambda: 2**25)
    with pytest.raises(ShapeError) as caught:
        check_directions(program, of, wrt, 2)
    assert str(caught.value) == (
        "at least 0.1 GiB of memory are needed for the Hessian of 2 outputs with respect to 2,000 inputs, but this "
        "machine has 0.0 GiB; jvp and vjp need less: they do not form it"
    )
    monkeypatch.setattr(memory, "machine_memory", lambda: 8)
    with pytest.raises(ShapeError, match=r"^at least 0\.0 GiB of memory are needed for the Jacobian of 2 outputs "):
        check_directions(program, of, wrt, 1)
