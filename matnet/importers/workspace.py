"""The networks among the variables of a MAT-file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from matnet.errors import FormatError, NoNetworkError, UnsupportedError
from matnet.files import sha256
from matnet.functions.performance import PERFORMANCE
from matnet.importers.crossentropy import with_proved_form
from matnet.importers.mat.matfile import open_mat
from matnet.importers.mat.paths import describe, find, listing, walk
from matnet.importers.mat.values import MatFile, Struct, Value
from matnet.importers.network_object import CLASS_NAME, NetworkObject, is_network, read_network
from matnet.importers.scaling import candidates
from matnet.importers.stored import arrays_in
from matnet.importers.training_record import is_training_record, training_of, training_record
from matnet.model.provenance import Provenance, Training
from matnet.network import Network

OTHER_NETWORKS = frozenset({"SeriesNetwork", "DAGNetwork", "dlnetwork", "nnet.cnn.LayerGraph"})
"""Classes of networks that are not the toolbox's shallow `network`."""

SUPPORTED = "supported are objects of class network, which fitnet, patternnet, feedforwardnet, narxnet and others make"


class Workspace:
    """The networks of a MAT-file and what lies beside them."""

    def __init__(self, path: Path, limit: int, allow_nonfinite: bool) -> None:
        self._path = path
        self._allow_nonfinite = allow_nonfinite
        self._file: MatFile = open_mat(path, limit)
        self._values = dict(walk(self._file, lambda value: is_network(value) or is_training_record(value)))
        self._networks = {place: value for place, value in self._values.items() if is_network(value)}

    def only(self, network: str | None) -> Network:
        """The network at a path, or the only one."""
        if network is not None:
            network = re.sub(r"\s", "", network)
            return self._network(network, self._named(network))
        self._refuse_none()
        if len(self._networks) > 1:
            names = list(self._networks)
            raise FormatError(
                f"{len(names)} networks in it: {', '.join(names)}; name one, as in network='{names[0]}' "
                f"(--network '{names[0]}')"
            )
        return next(self._network(place, value) for place, value in self._networks.items())

    def all(self) -> dict[str, Network]:
        """All networks by their paths."""
        self._refuse_none()
        return {place: self._network(place, value) for place, value in self._networks.items()}

    def _named(self, network: str) -> Value:
        value = find(self._file, network)
        if not is_network(value):
            known = ", ".join(self._networks) or "none"
            raise FormatError(f"{network} is a {describe(value)}, not a network; networks in the file: {known}")
        return value

    def _refuse_none(self) -> None:
        if self._networks:
            return
        for place, value in self._values.items():
            if value.class_name in OTHER_NETWORKS:
                raise UnsupportedError(f"{place} is a {value.class_name}; {SUPPORTED}")
            if value.class_name == CLASS_NAME:
                raise FormatError(f"{place} is a {describe(value)}: an array of networks without elements")
        raise NoNetworkError(f"no network in it; found: {listing(self._file)}; {SUPPORTED}")

    def _network(self, place: str, value: Value) -> Network:
        found = read_network(value, place, self._allow_nonfinite)
        provenance = Provenance(
            file=self._path.name,
            sha256=self._sha256,
            path=place,
            header=self._file.header,
            toolbox_version=found.version,
            stored_as=found.stored_as,
            training=self._training(place, found),
            oddities=found.oddities,
            scaling_candidates=self._scaling,
        )
        network = Network(found.structure, provenance, place)
        record = self._record_beside(place)
        performance = found.structure.performance
        if record is None or performance is None or len(PERFORMANCE.get(performance.function, ())) < 2:
            return network
        return with_proved_form(network, training_record(record, place), arrays_in(self._file))

    @cached_property
    def _sha256(self) -> str:
        return sha256(self._path)

    @cached_property
    def _scaling(self) -> dict[str, str]:
        return candidates(self._file, self._values)

    def _training(self, place: str, found: NetworkObject) -> Training | None:
        """The record beside the network, where there is one record and one network; else what the network says."""
        record = self._record_beside(place)
        if record is not None:
            return training_of(record)
        if found.train_function or found.divide_function:
            return Training(found.train_function, division=found.divide_function)
        return None

    def _record_beside(self, place: str) -> Struct | None:
        """The record beside a network, where there is one record and one network."""
        beside = _container(place)
        networks = [other for other in self._networks if _container(other) == beside]
        records = [value for value in self._beside(beside) if is_training_record(value)]
        return records[0] if len(networks) == len(records) == 1 and isinstance(records[0], Struct) else None

    def _beside(self, container: str) -> Iterator[Value]:
        return (value for place, value in self._values.items() if _container(place) == container)


def _container(place: str) -> str:
    """The path without its last step; a variable lies in the workspace, whose path is empty."""
    return re.sub(r"(^|\.)[A-Za-z]\w*$|\{[\d,]+\}$|\([\d,]+\)$", "", place)
