"""The contents of a MAT-file that matnet can use, collected in one pass over its values."""

from __future__ import annotations

import math
from typing import NamedTuple

from matnet.importers.mat.paths import walk
from matnet.importers.mat.values import MatFile, Struct, Value
from matnet.importers.network_object import CLASS_NAME
from matnet.importers.networks import is_network
from matnet.importers.scaling import pairs_in, settings_in

OTHER_NETWORKS = frozenset({"SeriesNetwork", "DAGNetwork", "dlnetwork", "nnet.cnn.LayerGraph", "nnet.cnn.layer.Layer"})
"""Classes that explain why a file has no network: arrays of networks, and layers that were never trained."""

_MOST_SCALINGS = 100
"""If more structs than this look like scaling, they are data and not listed."""


_OF_A_RECORD = frozenset({"trainFcn", "best_epoch", "best_perf"})
"""Fields that every training record has."""


class Contents(NamedTuple):
    """Networks, training records and scaling of a file by their paths.

    ``scaling`` says what each looks like. ``others`` are the first network of another class and the first array of
    networks without elements, which explain why a file has no network.
    """

    networks: dict[str, Value]
    records: dict[str, Struct]
    scaling: dict[str, str]
    others: dict[str, Value]


def is_training_record(value: Value) -> bool:
    """Whether the value is a training record, of toolbox version 6 or later."""
    return isinstance(value, Struct) and math.prod(value.shape) == 1 and value.fields.keys() >= _OF_A_RECORD


def contents(file: MatFile) -> Contents:
    """What is in a file.

    Raises
    ------
    FormatError
        The file is broken.
    """
    result = Contents({}, {}, {}, {})
    for place, value in walk(file, lambda value: is_network(value) or is_training_record(value)):
        if is_network(value):
            result.networks[str(place)] = value
        elif isinstance(value, Struct) and is_training_record(value):
            result.records[str(place)] = value
        elif value.class_name in OTHER_NETWORKS or value.class_name == CLASS_NAME:
            if not result.others:
                result.others[str(place)] = value
        elif len(result.scaling) < _MOST_SCALINGS:
            words = settings_in(value)
            if words:
                result.scaling[str(place)] = words
    result.scaling.update(pairs_in(file))
    return result
