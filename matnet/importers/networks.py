"""Which values of a MAT-file are networks, of whatever class, and how they are read."""

from __future__ import annotations

from matnet.importers.mat.paths import find
from matnet.importers.mat.values import MatFile, Opaque, Value
from matnet.importers.network_object import CLASS_NAME, NEWER_PROPERTY, another_class, is_network_object
from matnet.importers.network_object import read_network as read_network_object
from matnet.importers.stored_network import StoredNetwork


def is_network(value: Value) -> bool:
    """Whether the value is one network of a class that is supported."""
    return is_network_object(value) or _is_successor(value)


def _is_successor(value: Value) -> bool:
    if not isinstance(value, Opaque):
        return False
    # most files hold a `network` and need no other reader
    from matnet.importers.successors import is_fitted, is_layered

    return is_fitted(value) or is_layered(value)


def read_network(file: MatFile, value: Value, path: str, allow_nonfinite: bool) -> StoredNetwork:
    """The network in a value for which ``is_network`` holds; `path` is where it lies in the file.

    Raises
    ------
    FormatError
        The file does not hold what the object refers to.
    ModelError
        The network contradicts itself, was never trained, or has weights that are NaN or Inf.
    UnsupportedError
        It uses something that is not supported.
    """
    if is_network_object(value):
        _check_owner(file, path)
        return read_network_object(value, path, file.budget, allow_nonfinite)
    from matnet.importers.successors import is_layered, read_fitted, read_layered

    if is_layered(value):
        return read_layered(file, value, path, allow_nonfinite)
    return read_fitted(file, value, path, allow_nonfinite)


def _check_owner(file: MatFile, path: str) -> None:
    """Checks that fields which are a property of an object, as those of a newer network are, belong to a network.

    Raises
    ------
    ModelError
        They belong to an object of another class.
    """
    place = path.removesuffix(f".{NEWER_PROPERTY}")
    if place == path:
        return
    owner = find(file, place)
    if isinstance(owner, Opaque) and owner.class_name != CLASS_NAME:
        raise another_class(owner.class_name, place)
