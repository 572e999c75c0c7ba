"""NaN and ±Inf come out of a batch, of one sample and of the plain rows alike, also where a weight is exactly 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreted_tapes import QUANTITIES, arguments, interpreted
from matnet.derivatives import quantities
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.tape.evaluate import Evaluator
from matnet.tape.simplify import simplified
from matnet.tape.symbols import record
from random_networks import Real, network, structures, with_zeros
from trials import random_cases

SPECIAL = (np.nan, np.inf, -np.inf, 0.0)


def nonfinite(size: int, rows: int, seed: int) -> Real:
    """Rows of which most have one special number, some are special throughout, and some are ordinary."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, size))
    for row in range(rows):
        if row % 5 == 4:
            x[row] = SPECIAL[row // 5 % 4]
        elif row % 5 and size:
            x[row, row % size] = SPECIAL[row % 4]
    return x


def kinds(values: Any) -> Real:
    """NaN, Inf and −Inf where they stand, and 0 for every finite number."""
    array = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(array), 0.0, array)


@random_cases(60)
@given(structures(), st.integers(0, 1000))
def test_random_networks_with_weights_of_zero(structure: Structure, seed: int) -> None:
    net = Network(with_zeros(structure, seed))
    for name, quantity in QUANTITIES.items():
        sizes = arguments(structure, name)
        tape = record(net.program, quantity, sizes)
        run = Evaluator(simplified(tape))
        inputs = [nonfinite(size, 20, seed + k) for k, size in enumerate(sizes)]
        expected = interpreted(tape, inputs)
        for rows in (1, 2, 3, 20):
            for found, right in zip(run(*(array[:rows] for array in inputs)), expected, strict=True):
                np.testing.assert_array_equal(kinds(found), kinds(right[:rows]), err_msg=f"{name}, {rows} rows")
        for row in range(20):
            for found, right in zip(run.one(*(array[row] for array in inputs)), expected, strict=True):
                np.testing.assert_array_equal(kinds(found), kinds(right[row]), err_msg=f"{name}, row {row} alone")


@pytest.mark.parametrize("neurons", [1, 2, 3, 17])
@pytest.mark.parametrize("elements", [1, 2, 3, 17])
def test_products_of_every_shape_around_a_block(neurons: int, elements: int) -> None:
    """A weight matrix of zeros gives NaN for every sample with a NaN or Inf, wherever it stands in the batch."""
    layer = Layer(neurons, "tansig", {0: Weight(np.zeros((neurons, elements)))}, bias=np.full(neurons, 0.5))
    net = network(layer, inputs=elements)
    block = Evaluator(record(net.program, quantities.VALUE, [elements])).block_rows
    for rows in (1, 2, 3, 8, block - 1, block, block + 1):
        for place in {0, rows // 2, rows - 1}:
            for special in (np.nan, np.inf, -np.inf):
                x = np.ones((rows, elements))
                x[place, elements - 1] = special
                bad = np.arange(rows) == place
                np.testing.assert_array_equal(np.isnan(net(x)), np.repeat(bad[:, None], neurons, axis=1))
                np.testing.assert_array_equal(np.isnan(net.jacobian(x)).all(axis=(1, 2)), bad)
                assert np.isnan(net(x[place])).all()


def test_an_input_that_training_pruned_away() -> None:
    """Two inputs of one element each, the second with the weight 0: a NaN there is not swallowed."""
    weights = {0: Weight([[1.5]]), 1: Weight([[0.0]])}
    layer = Layer(1, "tansig", weights, bias=[0.1])
    net = Network(Structure((Input(1), Input(1)), (layer,), (Output(0, 1),)))
    x = np.array([[0.2, np.nan], [0.2, 1.0], [0.3, np.inf]])
    assert np.isnan(net(x))[:, 0].tolist() == [True, False, True]
    assert np.isnan(net.run(x).outputs)[:, 0].tolist() == [True, False, True]


def test_a_factor_that_would_underflow_is_not_folded_into_a_weight() -> None:
    """Inf · 1e-200 · 1e-200 is Inf, although 1e-200 · 1e-200 is 0, and Inf · 0 is NaN."""
    first = Layer(1, "purelin", {0: Weight([[1e-200]])})
    second = Layer(1, "purelin", {}, {0: Weight([[1e-200]], "scalprod")})
    x = np.array([[np.inf], [1e300]])
    y = network(first, second)(x)
    assert y[:, 0].tolist() == [np.inf, 1e-100]
