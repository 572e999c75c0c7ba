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
