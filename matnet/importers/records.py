"""Training records: the struct `tr` that train() returns and users save beside the network."""

from __future__ import annotations

import math

import numpy as np

from matnet.importers.mat.values import Char, Numeric, Struct, Value
from matnet.model.provenance import Training

_TELLING = frozenset({"trainFcn", "best_epoch", "best_perf"})


def is_record(value: Value) -> bool:
    """Whether the value is a training record, of toolbox version 6 or later."""
    return isinstance(value, Struct) and math.prod(value.shape) == 1 and value.fields.keys() >= _TELLING


def read_record(record: Struct) -> Training:
    """What a record says, as far as it says it."""
    return Training(
        _text(record.get("trainFcn")),
        _count(record.get("num_epochs")),
        _count(record.get("best_epoch")),
        (_number(record.get("best_perf")), _number(record.get("best_vperf")), _number(record.get("best_tperf"))),
        _text(record.get("divideFcn")),
    )


def _text(value: Value | None) -> str:
    return value.text if isinstance(value, Char) else ""


def _number(value: Value | None) -> float | None:
    if isinstance(value, Numeric) and value.array.size == 1 and np.isrealobj(value.array):
        return float(value.array.reshape(-1)[0])
    return None


def _count(value: Value | None) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() else None
