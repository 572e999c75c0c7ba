"""Version 7.3 files with their objects changed, as a program would that writes HDF5."""

from __future__ import annotations

import io
from random import Random
from typing import Any

import h5py
import numpy as np

_CLASSES = (b"double", b"single", b"logical", b"uint8", b"int64", b"char", b"cell", b"struct", b"network", b"")
_SHAPES = ((), (0,), (1,), (1, 1), (2, 1), (1, 2), (3, 3), (1, 1, 1), (0, 1))
_NUMBERS = (0.0, -1.0, 1.0, 2.0, 1e300, float("nan"), float("inf"), 2.0**53 + 2, 65536.0)
_TYPES = ("f8", "f4", ">f8", "i8", "u8", "u1", "u2", "c16", "S8", "?")


def objects(data: bytes, random: Random) -> bytes:
    """A version 7.3 file with datasets, groups, attributes or references exchanged, changed, left out or linked."""
    memory = io.BytesIO(data)
    with h5py.File(memory, "r+") as file:
        places: list[str] = []
        file.visit(places.append)
        for _ in range(random.choice((1, 1, 1, 2))):
            place = random.choice(places)
            if place in file:
                _changed(file, place, random.choice(places), random)
    return memory.getvalue()


def _changed(file: Any, place: str, other: str, random: Random) -> None:
    entry, kind = file[place], random.randrange(8)
    values = np.array(entry) if isinstance(entry, h5py.Dataset) else None
    if kind == 0:
        del file[place]
    elif kind == 1 and other in file and not f"{other}/".startswith(f"{place}/"):
        del file[place]
        file[place] = random.choice((file[other], h5py.SoftLink(f"/{other}"), h5py.ExternalLink("/etc/passwd", "/")))
    elif kind == 2 and entry.attrs:
        name = random.choice(list(entry.attrs))
        if random.randrange(2):
            del entry.attrs[name]
        else:
            entry.attrs[name] = random.choice((np.bytes_(random.choice(_CLASSES)), 1, 0, -1, 2.5, np.zeros((2, 2))))
    elif kind == 3:
        entry.attrs[random.choice(("MATLAB_class", "MATLAB_empty", "MATLAB_sparse", "MATLAB_int_decode"))] = (
            random.choice((np.bytes_(random.choice(_CLASSES)), 1, 0, 4))
        )
    elif values is not None and values.dtype == h5py.ref_dtype and values.size:
        values.flat[random.randrange(values.size)] = file[other].ref if other in file else h5py.Reference()
        entry[...] = values
    elif values is not None and values.dtype.kind in "fiu" and values.size and kind <= 5:
        with np.errstate(all="ignore"):
            values.flat[random.randrange(values.size)] = np.array(random.choice(_NUMBERS)).astype(values.dtype)
        entry[...] = values
    elif values is not None:
        attributes = dict(entry.attrs)
        del file[place]
        shape = random.choice((*_SHAPES, values.shape[::-1]))
        options = {"compression": "gzip"} if random.randrange(3) == 0 and shape and 0 not in shape else {}
        file.create_dataset(place, data=np.ones(shape, random.choice(_TYPES)), **options)
        for name, value in attributes.items():
            file[place].attrs[name] = value
