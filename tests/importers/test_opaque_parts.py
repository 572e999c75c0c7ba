"""Objects of newer classes within a network: what they may stand for, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest
from scipy.io.matlab import MatlabObject

import matnet
from matnet.files import DEFAULT_LIMIT, Budget
from matnet.importers.mat.matfile import open_mat
from matnet.importers.mat.values import Cell, Opaque, Struct, Value
from matnet.importers.network_object import read_network
from matnet.model.structure import Performance

Save: TypeAlias = Callable[..., Path]


def replaced(value: Value, steps: tuple[str | int, ...], new: Value) -> Value:
    """The value with the one that fields and cell numbers lead to replaced."""
    if not steps:
        return new
    step, rest = steps[0], steps[1:]
    if isinstance(value, Struct) and isinstance(step, str):
        return replace(value, fields={**value.fields, step: (replaced(value.fields[step][0], rest, new),)})
    assert isinstance(value, Cell)
    assert isinstance(step, int)
    items = list(value.items)
    items[step] = replaced(items[step], rest, new)
    return replace(value, items=tuple(items))


def test_settings_that_are_an_object_are_refused(small: MatlabObject, save: Save) -> None:
    value = open_mat(save(net=small), DEFAULT_LIMIT).variables["net"].value
    changed = replaced(value, ("inputs", 0, "processSettings", 0), Opaque("nnetSetting", "MCOS", (1, 1), (1,)))
    with pytest.raises(matnet.UnsupportedError) as refused:
        read_network(changed, "net", Budget(DEFAULT_LIMIT), False)
    assert str(refused.value) == (
        "net.inputs{1}.processSettings{1}: the object of class nnetSetting cannot be read: "
        "its properties are not in the file"
    )


def test_parameters_that_are_an_object_leave_the_performance_open(small: MatlabObject, save: Save) -> None:
    value = open_mat(save(net=small), DEFAULT_LIMIT).variables["net"].value
    found = read_network(
        replaced(value, ("performParam",), Opaque("nnetParam", "MCOS", (1, 1), (1,))),
        "net",
        Budget(DEFAULT_LIMIT),
        False,
    )
    assert found.structure.performance == Performance(
        "mse", 0.0, "performParam: the object of class nnetParam cannot be read: its properties are not in the file"
    )
