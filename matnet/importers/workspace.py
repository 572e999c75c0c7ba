"""The networks among the variables of a MAT-file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from matnet.errors import Advice, FormatError, MatnetError, NoNetworkError, Parameter, UnsupportedError
from matnet.files import sha256
from matnet.importers.contents import Contents, contents
from matnet.importers.mat.matfile import open_mat
from matnet.importers.mat.paths import container, describe, find, listing
from matnet.importers.mat.values import MatFile, Struct, Value
from matnet.importers.network_object import CLASS_NAME
from matnet.importers.networks import is_network, read_network
from matnet.importers.stored_network import StoredNetwork
from matnet.model.provenance import Provenance, Training
from matnet.network import Network

SUPPORTED = (
    "supported are objects of class network, which fitnet, patternnet, feedforwardnet, narxnet and others make, the "
    "models of fitrnet and fitcnet, and SeriesNetwork, DAGNetwork and dlnetwork"
)
_TEMPLATES = ("nnet.cnn.LayerGraph", "nnet.cnn.layer.Layer")
"""Classes of layers before training."""


class Workspace:
    """The networks of a MAT-file and the values stored beside them."""

    def __init__(self, path: Path, limit: int, allow_nonfinite: bool, isolation: bool) -> None:
        self._path = path
        self._allow_nonfinite = allow_nonfinite
        self._file: MatFile = open_mat(path, limit, isolation)

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *failure: object) -> None:
        self._file.end()

    @cached_property
    def _contents(self) -> Contents:
        return contents(self._file)

    @property
    def _networks(self) -> Mapping[str, Value]:
        return self._contents.networks

    def only(self, network: str | None) -> Network:
        """The network at a path, or the only one."""
        if network is not None:
            network = re.sub(r"\s", "", network)
            return self._network(network, self._named(network))
        self._refuse_none()
        if len(self._networks) > 1:
            names = list(self._networks)
            raise FormatError(
                f"{len(names)} networks in it: {', '.join(names)}",
                Advice("; name one, e.g. ", Parameter("network", names[0])),
            )
        return next(self._network(place, value) for place, value in self._networks.items())

    def all(self, leave_out: Callable[[MatnetError], None] | None) -> dict[str, Network]:
        """All networks by their paths.

        One that cannot be used is an error, or is passed to `leave_out` if there are others.
        """
        self._refuse_none()
        loaded: dict[str, Network] = {}
        errors: list[MatnetError] = []
        for place, value in self._networks.items():
            try:
                loaded[place] = self._network(place, value)
            except MatnetError as error:
                if leave_out is None:
                    raise
                errors.append(error)
        if not loaded:
            raise errors[0]
        if leave_out is not None:
            for failure in errors:
                leave_out(failure)
        return loaded

    def _named(self, network: str) -> Value:
        value = find(self._file, network)
        if not is_network(value):
            known = ", ".join(self._networks) or "none"
            raise FormatError(f"{network} is a {describe(value)}, not a network; networks in the file: {known}")
        return value

    def _refuse_none(self) -> None:
        if self._networks:
            return
        for place, value in self._contents.others.items():
            if value.class_name == CLASS_NAME:
                raise FormatError(f"{place} is a {describe(value)}: an array of networks without elements")
            if value.class_name in _TEMPLATES:
                raise UnsupportedError(
                    f"{place} is a {value.class_name}: layers before training, without weights; save the trained "
                    "network that trainnet or trainNetwork returns"
                )
            raise UnsupportedError(f"{place} is a {value.class_name}; {SUPPORTED}")
        raise NoNetworkError(f"no network in it; found: {listing(self._file)}; {SUPPORTED}")

    def _network(self, place: str, value: Value) -> Network:
        stored = read_network(self._file, value, place, self._allow_nonfinite)
        provenance = Provenance(
            file=self._path.name,
            sha256=self._sha256,
            path=place,
            header=self._file.header,
            toolbox_version=stored.version,
            stored_as=stored.stored_as,
            training=self._training(place, stored),
            oddities=stored.oddities,
            scaling_candidates=self._contents.scaling,
            precision=stored.precision,
        )
        network = Network(stored.structure, provenance, place)
        record = self._record_beside(place)
        performance = stored.structure.performance
        if record is None or performance is None:
            return network
        from matnet.functions.performance import PERFORMANCE

        if len(PERFORMANCE.get(performance.function, ())) < 2:
            return network
        from matnet.importers.crossentropy import with_proved_form
        from matnet.importers.stored import arrays_in
        from matnet.importers.training_record import training_record

        return with_proved_form(network, training_record(record, place), arrays_in(self._file))

    @cached_property
    def _sha256(self) -> str:
        return sha256(self._path)

    def _training(self, place: str, stored: StoredNetwork) -> Training | None:
        """The record beside the network, if there are one record and one network; else the network's information."""
        record = self._record_beside(place)
        if record is not None:
            from matnet.importers.training_record import training_of

            return training_of(record)
        if stored.train_function or stored.divide_function:
            return Training(stored.train_function, division=stored.divide_function)
        return None

    def _record_beside(self, place: str) -> Struct | None:
        """The record beside a network, if there are one record and one network."""
        networks, records = self._by_container
        beside = records.get(container(place), [])
        return beside[0] if networks[container(place)] == len(beside) == 1 else None

    @cached_property
    def _by_container(self) -> tuple[Counter[str], dict[str, list[Struct]]]:
        """The number of networks and the records in each parent path."""
        records: dict[str, list[Struct]] = {}
        for path, record in self._contents.records.items():
            records.setdefault(container(path), []).append(record)
        return Counter(map(container, self._networks)), records
