"""A structure laid out as a program: the order of its steps, its leaves, and what it computes."""

from __future__ import annotations

import numpy as np

import matnet
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.simulate import lay_out

rng = np.random.default_rng(4)


def recurrent() -> Structure:
    """Layer 1 sees the input now and two steps ago, and layer 2 of the step before."""
    first = Layer(
        3,
        "tansig",
        {0: Weight(rng.normal(size=(3, 4)), delays=(0, 2))},
        {1: Weight(rng.normal(size=(3, 1)), delays=(1,))},
    )
    second = Layer(1, "purelin", {}, {0: Weight(rng.normal(size=(1, 3)))}, np.array([0.5]))
    return Structure((Input(2),), (first, second), (Output(1, 1),))


def test_every_step_follows_those_that_it_reads() -> None:
    for net in (*matnet.load_all("fixtures/*.mat").values(), matnet.Network(recurrent())):
        program = lay_out(net.structure)
        known = {leaf.signal for leaf in program.leaves}
        for step in program.steps:
            assert known.issuperset(step.sources)
            assert step.target not in known
            known.add(step.target)
        assert known.issuperset(program.outputs)


def test_the_leaves_are_the_signals_of_each_delay() -> None:
    leaves = {(leaf.kind, leaf.index, leaf.delay): leaf.size for leaf in lay_out(recurrent()).leaves}
    assert leaves == {("input", 0, 0): 2, ("input", 0, 2): 2, ("layer", 1, 1): 1}


def test_a_program_computes_what_the_formula_says() -> None:
    structure = recurrent()
    program = lay_out(structure, squared=False)
    columns = {("input", 0, 0): [0.3, -0.2], ("input", 0, 2): [1.5, 0.25], ("layer", 1, 1): [-0.75]}
    given = np.concatenate([columns[leaf.kind, leaf.index, leaf.delay] for leaf in program.leaves])
    reached = program.run(given)
    first, second = structure.layers
    n = first.input_weights[0].value @ [0.3, -0.2, 1.5, 0.25] + first.layer_weights[1].value @ [-0.75]
    y = second.layer_weights[0].value @ np.tanh(n) + 0.5
    np.testing.assert_allclose(reached[program.outputs[0]], y, rtol=1e-14)


def test_what_a_signal_reaches_is_what_changes_with_it() -> None:
    first = Layer(2, "tansig", {0: Weight(rng.normal(size=(2, 1)))}, bias=rng.normal(size=2))
    second = Layer(1, "logsig", {1: Weight(rng.normal(size=(1, 2)))}, bias=rng.normal(size=1))
    joined = Layer(1, "tansig", {}, {0: Weight(rng.normal(size=(1, 2))), 1: Weight([[0.5]])}, bias=[0.1])
    program = lay_out(Structure((Input(1), Input(2)), (first, second, joined), (Output(0, 2), Output(2, 1))))
    x = np.array([0.3, -0.2, 0.7])
    start = 0
    before = program.run(x)
    for leaf in program.leaves:
        moved = x.copy()
        moved[start : start + leaf.size] += 0.5
        start += leaf.size
        after = program.run(moved)
        changed = {
            number
            for number, (old, new) in enumerate(zip(before, after, strict=True))
            if old is not None and not np.array_equal(old, new)
        }
        assert program.reached(leaf.signal) == changed
