"""Processing functions: applied to an input before the first layer, and reversed for an output after the last.

A row reads the settings of every toolbox version into one canonical form, a mapping of float64 arrays, and builds from
it two maps, ``apply`` (raw to processed) and ``reverse`` (processed to raw). A map offers

- ``value(x)``         (..., R_in) -> (..., R_out)
- ``tangent(x, v)``    its derivative times v, (..., K, R_in) -> (..., K, R_out)
- ``cotangent(x, u)``  u times its derivative, (..., K, R_out) -> (..., K, R_in)

All maps are piecewise affine, so none has a curvature. The reverse map is for values; derivatives use its tangent or
cotangent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from matnet.errors import ModelError, counted
from matnet.functions.maps import (
    FlagUnknowns,
    Identity,
    Multiply,
    Restore,
    RestoreUnknowns,
    Scale,
    Select,
    Shift,
    Unscale,
)
from matnet.functions.namespace import Array, FloatArray

Settings: TypeAlias = Mapping[str, FloatArray]
"""A function's settings in canonical form: 1-D arrays, 2-D for a matrix; indices count from 1 as in MATLAB."""


MAX_UNTOLD = 2**20
"""How many rows removerows and removeconstantrows may remove without listing them: genFunction lists the others."""


class Map(Protocol):
    """One direction of a processing function with its settings."""

    def value(self, x: Array) -> Array:
        """(..., R_in) -> (..., R_out)."""

    def tangent(self, x: Array, v: Array) -> Array:
        """(..., K, R_in) -> (..., K, R_out)."""

    def cotangent(self, x: Array, u: Array) -> Array:
        """(..., K, R_out) -> (..., K, R_in)."""


@dataclass(frozen=True)
class ProcessingFunction:
    """A row: how its settings are read, the numbers of raw and processed rows, and the two maps.

    ``matlab_apply`` and ``matlab_reverse`` are the maps as function files of MATLAB's genFunction write them:
    statements that compute y from x, or x from y, samples in columns; all other names in them are settings. ``shallow``
    says whether it is a processing function of the class `network`.
    """

    name: str
    formula: str
    read: Callable[[Mapping[str, object]], dict[str, FloatArray]]
    sizes: Callable[[Settings], tuple[int, int]]
    forward: Callable[[Settings], Map]
    backward: Callable[[Settings], Map]
    unconfirmed: str = ""
    limits: Callable[[Settings, FloatArray], FloatArray] | None = None
    matlab_apply: tuple[str, ...] = ()
    matlab_reverse: tuple[str, ...] = ()
    shallow: bool = True

    def settings(self, raw: Mapping[str, object]) -> dict[str, FloatArray]:
        """Settings in canonical form from those of any toolbox version.

        Raises
        ------
        ModelError
            A setting is missing, has the wrong shape, or contradicts another.
        """
        if not raw:
            raise ModelError(f"{self.name} has no settings; a network is saved with them once it is configured")
        with np.errstate(all="ignore"):  # the checks find overflows
            settings = self.read(raw)
        if _flag(raw, "no_change"):
            settings["no_change"] = np.ones(1)
        return settings

    def raw_size(self, settings: Settings) -> int:
        """The number of raw rows."""
        return self.sizes(settings)[0]

    def processed_size(self, settings: Settings) -> int:
        """The number of processed rows."""
        raw, processed = self.sizes(settings)
        return raw if "no_change" in settings else processed

    def apply(self, settings: Settings) -> Map:
        """The map from raw to processed rows."""
        return Identity() if "no_change" in settings else self.forward(settings)

    def reverse(self, settings: Settings) -> Map:
        """The map from processed to raw rows."""
        return Identity() if "no_change" in settings else self.backward(settings)

    def raw_limits(self, settings: Settings, processed: FloatArray) -> FloatArray:
        """The limits of the raw rows, (raw rows, 2), from those of the processed rows; NaN where they are not known.

        The settings themselves may contain more, as those of mapminmax do; a function without ``limits`` acts per row.
        """
        if "no_change" in settings:
            return processed
        if self.limits is not None:
            return self.limits(settings, processed)
        return np.sort(np.asarray(self.backward(settings).value(processed.T)).T, axis=1)


def _number(raw: Mapping[str, object], key: str) -> FloatArray:
    """A numeric setting as a float64 array of MATLAB's shape."""
    if key not in raw:
        raise ModelError(f"the setting {key} is missing; found {', '.join(sorted(map(str, raw))) or 'none'}")
    value = np.asarray(raw[key])
    if value.dtype.kind not in "biuf":
        raise ModelError(f"the setting {key} is not numeric (it is of type {value.dtype})")
    return value.astype(np.float64)


def _rows(raw: Mapping[str, object], key: str, rows: int | None = None) -> FloatArray:
    """A setting with one number per row, as a 1-D array; a single number applies to all rows."""
    value = _number(raw, key).reshape(-1)
    if rows is not None and value.size == 1:
        return np.full(rows, value[0])
    if rows is not None and value.size != rows:
        raise ModelError(f"the setting {key} has {counted(value.size, 'number')} for {counted(rows, 'row')}")
    return value


def _flag(raw: Mapping[str, object], key: str) -> bool:
    return key in raw and bool(_number(raw, key).any())


def _count(raw: Mapping[str, object], key: str) -> int | None:
    if key not in raw:
        return None
    value = _number(raw, key).reshape(-1)
    if value.size != 1 or value[0] != np.floor(value[0]) or not 0 <= value[0] < 2**31:
        raise ModelError(f"the setting {key} is not a count: {value.tolist()[:3]}")
    return int(value[0])


def _row_numbers(raw: Mapping[str, object], key: str, rows: int) -> FloatArray:
    """A setting that lists rows, counted from 1, without duplicates."""
    value = _number(raw, key).reshape(-1)
    inside = (value >= 1) & (value <= rows) & (value == np.floor(value))
    if not inside.all() or len(np.unique(value)) != len(value):
        raise ModelError(f"the setting {key} does not list rows 1 to {rows}, each once: {value.tolist()[:8]}")
    return value


def _agrees(raw: Mapping[str, object], key: str, rows: int) -> None:
    count = _count(raw, key)
    if count is not None and count != rows:
        raise ModelError(f"the setting {key} is {count}, but the other settings are for {counted(rows, 'row')}")


def _places(settings: Settings, key: str) -> NDArray[np.intp]:
    return settings[key].astype(np.intp) - 1


def _read_mapminmax(raw: Mapping[str, object]) -> dict[str, FloatArray]:
    if "xmin" in raw or "xmax" in raw:
        xmin = _rows(raw, "xmin")
        xmax = _rows(raw, "xmax", len(xmin))
        ymin, ymax = _rows(raw, "ymin", len(xmin)), _rows(raw, "ymax", len(xmin))
        offset, gain = _minmax_gain(raw, xmin, xmax, ymin, ymax)
    else:
        # genFunction writes only these three
        gain = _rows(raw, "gain")
        offset, ymin = _rows(raw, "xoffset", len(gain)), _rows(raw, "ymin", len(gain))
    _agrees(raw, "xrows", len(gain))
    _agrees(raw, "yrows", len(gain))
    if not (np.isfinite(gain).all() and np.isfinite(offset).all() and np.isfinite(ymin).all()) or (gain == 0).any():
        raise ModelError("a gain or offset of mapminmax is zero or not finite")
    return {"xoffset": offset, "gain": gain, "ymin": ymin}


def _minmax_gain(
    raw: Mapping[str, object], xmin: FloatArray, xmax: FloatArray, ymin: FloatArray, ymax: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Offset and gain per row; a row without a finite range is unchanged: gain 1, ymin subtracted and added again."""
    identity = ~(np.isfinite(xmin) & np.isfinite(xmax)) | (xmin == xmax)
    span = np.where(identity, 1.0, xmax - xmin)
    gain = np.where(identity, 1.0, (ymax - ymin) / span)
    offset = np.where(identity, ymin, xmin)
    if "gain" not in raw or "xoffset" not in raw:
        return offset, gain
    stored_gain, stored_offset = _rows(raw, "gain", len(xmin)), _rows(raw, "xoffset", len(xmin))
    left_alone = (stored_gain == 1.0) & (stored_offset == ymin)
    agrees = (np.abs(stored_gain - gain) <= 1e-12 * np.abs(gain)) & (stored_offset == offset)
    if not (agrees | left_alone).all():
        row = int(np.flatnonzero(~(agrees | left_alone))[0])
        raise ModelError(
            f"row {row + 1}: the stored gain {stored_gain[row]:.17g} and xoffset {stored_offset[row]:.17g} contradict "
            f"xmin, xmax, ymin and ymax, which give {gain[row]:.17g} and {offset[row]:.17g}"
        )
    return stored_offset, stored_gain


def _minmax_limits(settings: Settings, processed: FloatArray) -> FloatArray:
    """The range mapped to [−1, 1], the smallest and largest value in training; else that of the processed limits.

    The settings do not keep ymax, which is 1 if ymin is −1, the default. A row that is left unchanged had no range: it
    was constant, or its range is unknown.
    """
    gain, offset, ymin = settings["gain"], settings["xoffset"], settings["ymin"]
    own = np.stack([offset, offset + 2.0 / gain], axis=1)
    told = (ymin == -1.0) & ~((gain == 1.0) & (offset == ymin))
    return np.sort(np.where(told[:, None], own, Unscale(offset, gain, ymin).value(processed.T).T), axis=1)


def _read_mapstd(raw: Mapping[str, object]) -> dict[str, FloatArray]:
    if "xmean" in raw:
        xmean = _rows(raw, "xmean")
        xstd = _rows(raw, "xstd", len(xmean))
        ymean, ystd = _rows(raw, "ymean", len(xmean)), _rows(raw, "ystd", len(xmean))
        identity = ~(np.isfinite(xmean) & np.isfinite(xstd)) | (xstd == 0)
        gain = np.where(identity, 1.0, ystd / np.where(identity, 1.0, xstd))
        offset = np.where(identity, ymean, xmean)
        if "gain" in raw:
            stored = _rows(raw, "gain", len(xmean))
            if not (np.abs(stored - gain) <= 1e-12 * np.abs(gain)).all():
                raise ModelError("the stored gain contradicts xstd and ystd")
            gain = stored
        if "xoffset" in raw and not (_rows(raw, "xoffset", len(xmean)) == offset).all():
            raise ModelError("the stored xoffset contradicts xmean")
    else:
        gain = _rows(raw, "gain")
        offset, ymean = _rows(raw, "xoffset", len(gain)), _rows(raw, "ymean", len(gain))
    _agrees(raw, "xrows", len(gain))
    _agrees(raw, "yrows", len(gain))
    if not (np.isfinite(gain).all() and np.isfinite(offset).all() and np.isfinite(ymean).all()) or (gain == 0).any():
        raise ModelError("a gain or offset of mapstd is zero or not finite")
    return {"xoffset": offset, "gain": gain, "ymean": ymean}


def _read_standardize(raw: Mapping[str, object]) -> dict[str, FloatArray]:
    mean = _rows(raw, "Mu")
    deviation = _rows(raw, "Sigma", len(mean))
    wrong = ~np.isfinite(mean) | ~np.isfinite(deviation) | (deviation == 0.0)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ModelError(
            f"Mu({row + 1}) is {mean[row]:g} and Sigma({row + 1}) is {deviation[row]:g}, expected finite numbers and a "
            "Sigma that is not 0"
        )
    return {"Mu": mean, "Sigma": deviation}


def _read_zerocenter(raw: Mapping[str, object]) -> dict[str, FloatArray]:
    mean = _rows(raw, "Mean")
    if not np.isfinite(mean).all():
        raise ModelError("the setting Mean has numbers that are not finite")
    return {"Mean": mean}


def _read_rescale(raw: Mapping[str, object]) -> dict[str, FloatArray]:
    rows = max(_rows(raw, key).size for key in ("Min", "Max"))
    settings = {key: _rows(raw, key, rows) for key in ("Min", "Max", "TargetMin", "TargetMax")}
    gain = _rescale_gain(settings)
    wrong = ~np.isfinite(gain) | (gain == 0.0) | ~np.isfinite(settings["Min"]) | ~np.isfinite(settings["TargetMin"])
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        between, target = (
            f"{settings[f'{word}Min'][row]:g} to {settings[f'{word}Max'][row]:g}" for word in ("", "Target")
        )
        raise ModelError(
            f"row {row + 1} is rescaled from {between} to {target}, expected two ranges that are not empty"
        )
    return settings


def _rescale_gain(settings: Settings) -> FloatArray:
    return np.asarray((settings["TargetMax"] - settings["TargetMin"]) / (settings["Max"] - settings["Min"]))


def _read_removal(raw: Mapping[str, object]) -> dict[str, FloatArray]:
    """removeconstantrows and removerows: which rows are kept, and the constants of the others."""
    rows = _count(raw, "xrows")
    kept = _number(raw, "keep").reshape(-1)
    if rows is None:
        removed_count = _number(raw, "remove").size if "remove" in raw else 0
        rows = kept.size + removed_count
    if kept.size > rows:
        raise ModelError(f"the setting keep lists {kept.size} of {counted(rows, 'row')}")
    # a count alone must not determine how much memory is used: every removed row has a constant, or is listed
    told = max(_number(raw, key).size if key in raw else 0 for key in ("remove", "constants", "value"))
    if rows > kept.size + max(told, MAX_UNTOLD):
        raise ModelError(f"the setting xrows is {rows}, but keep and remove list {counted(kept.size + told, 'row')}")
    keep = _row_numbers(raw, "keep", rows)
    removed = np.setdiff1d(np.arange(1.0, rows + 1), keep)
    if "remove" in raw:
        listed = _row_numbers(raw, "remove", rows)
        if not np.array_equal(np.sort(listed), removed):
            raise ModelError("the settings keep and remove must partition the rows")
        removed = listed
    _agrees(raw, "yrows", len(keep))
    return {"rows": np.array([float(rows)]), "keep": keep, "remove": removed}


def _read_removeconstantrows(raw: Mapping[str, object]) -> dict[str, FloatArray]:
    settings = _read_removal(raw)
    removed = len(settings["remove"])
    names = [key for key in ("constants", "value") if key in raw]
    if not names and removed and "yrows" in raw:
        raise ModelError("the setting constants is missing, so the removed rows cannot be put back")
    # genFunction writes only keep for inputs, where no row is put back
    constants = _rows(raw, names[0]) if names else np.full(removed, np.nan)
    if len(constants) != removed:
        raise ModelError(f"the setting {names[0]} has {counted(len(constants), 'number')} for {removed} removed rows")
    return {**settings, "constants": constants}


def _read_processpca(raw: Mapping[str, object]) -> dict[str, FloatArray]:
    transform = _number(raw, "transform")
    if transform.ndim != 2 or not np.isfinite(transform).all():
        raise ModelError("the setting transform is not a matrix of finite numbers")
    inverse = _number(raw, "inverseTransform") if "inverseTransform" in raw else transform.T
    if inverse.shape != transform.T.shape:
        raise ModelError(f"inverseTransform is {inverse.shape}, transform is {transform.shape}")
    _agrees(raw, "xrows", transform.shape[1])
    _agrees(raw, "yrows", transform.shape[0])
    return {"transform": transform, "inverse_transform": inverse}


def _read_fixunknowns(raw: Mapping[str, object]) -> dict[str, FloatArray]:
    rows = _count(raw, "xrows")
    if rows is None:
        raise ModelError("the setting xrows is missing")
    if _rows(raw, "unknown").size + _rows(raw, "known").size != rows:
        raise ModelError("the settings known and unknown must partition the rows")
    unknown, known = _row_numbers(raw, "unknown", rows), _row_numbers(raw, "known", rows)
    if np.intersect1d(unknown, known).size:
        raise ModelError("the settings known and unknown must partition the rows")
    expected = np.searchsorted(np.sort(unknown), np.arange(1, rows + 1)).astype(np.float64)
    if "shift" in raw and not np.array_equal(_rows(raw, "shift"), expected):
        raise ModelError("the setting shift contradicts unknown")
    _agrees(raw, "yrows", rows + len(unknown))
    means = _rows(raw, "xmeans", rows)
    return {"rows": np.array([float(rows)]), "unknown": unknown, "xmeans": means}


def _flag_unknowns(settings: Settings) -> Map:
    rows, unknown = int(settings["rows"][0]), set(_places(settings, "unknown").tolist())
    source = [row for row in range(rows) for _ in range(2 if row in unknown else 1)]
    flag = [float(k) for row in range(rows) for k in range(2 if row in unknown else 1)]
    return FlagUnknowns(
        np.asarray(source, dtype=np.intp),
        np.asarray(flag),
        np.asarray([float(row in unknown) for row in source]),
        settings["xmeans"][np.asarray(source, dtype=np.intp)],
        rows,
    )


def _restore_unknowns(settings: Settings) -> RestoreUnknowns:
    rows, unknown = int(settings["rows"][0]), np.sort(_places(settings, "unknown"))
    value_row = np.arange(rows) + np.searchsorted(unknown, np.arange(rows))
    flag_row = np.where(np.isin(np.arange(rows), unknown), value_row + 1, -1)
    return RestoreUnknowns(value_row, flag_row, rows + len(unknown))


def _read_lvqoutputs(raw: Mapping[str, object]) -> dict[str, FloatArray]:
    rows = _count(raw, "xrows")
    if rows is None:
        raise ModelError("the setting xrows is missing")
    _agrees(raw, "yrows", rows)
    return {"rows": np.array([float(rows)])}


def _removal_sizes(settings: Settings) -> tuple[int, int]:
    return int(settings["rows"][0]), len(settings["keep"])


def _select(settings: Settings) -> Map:
    return Select(_places(settings, "keep"), int(settings["rows"][0]))


def _restore(settings: Settings) -> Map:
    fill = np.full(int(settings["rows"][0]), np.nan)
    if "constants" in settings:
        fill[_places(settings, "remove")] = settings["constants"]
    return Restore(
        _places(settings, "keep"), np.where(np.isin(np.arange(len(fill)), _places(settings, "keep")), 0.0, fill)
    )


def _same_size(key: str) -> Callable[[Settings], tuple[int, int]]:
    """The sizes of a function whose settings all have one number per row, as the setting `key` has."""

    def sizes(settings: Settings) -> tuple[int, int]:
        rows = settings[key].shape[0] if settings[key].shape else 1
        for name, value in settings.items():
            if name != "no_change" and value.shape != (rows,):
                raise ModelError(f"the setting {name} has the shape {value.shape}, expected ({rows},)")
        return rows, rows

    return sizes


_ROWS: tuple[ProcessingFunction, ...] = (
    ProcessingFunction(
        "mapminmax",
        "(x - xoffset) gain + ymin; reverse (y - ymin) / gain + xoffset",
        _read_mapminmax,
        _same_size("gain"),
        lambda s: Scale(s["xoffset"], s["gain"], s["ymin"]),
        lambda s: Unscale(s["xoffset"], s["gain"], s["ymin"]),
        limits=_minmax_limits,
        matlab_apply=(
            "y = bsxfun(@minus,x,xoffset); y = bsxfun(@times,y,gain); y = bsxfun(@plus,y,ymin);",
            "y = (x - xoffset) .* gain + ymin;",
        ),
        matlab_reverse=(
            "x = bsxfun(@minus,y,ymin); x = bsxfun(@rdivide,x,gain); x = bsxfun(@plus,x,xoffset);",
            "x = (y - ymin) ./ gain + xoffset;",
        ),
    ),
    ProcessingFunction(
        "mapstd",
        "(x - xmean) ystd / xstd + ymean; reverse its inverse",
        _read_mapstd,
        _same_size("gain"),
        lambda s: Scale(s["xoffset"], s["gain"], s["ymean"]),
        lambda s: Unscale(s["xoffset"], s["gain"], s["ymean"]),
        unconfirmed="a row whose xstd is 0 or not finite is left as it is; gain and xoffset are as in mapminmax",
        matlab_apply=(
            "y = bsxfun(@minus,x,xmean); y = bsxfun(@times,y,ystd./xstd); y = bsxfun(@plus,y,ymean);",
            "y = (x - xmean) .* (ystd ./ xstd) + ymean;",
        ),
        matlab_reverse=(
            "x = bsxfun(@minus,y,ymean); x = bsxfun(@times,x,xstd./ystd); x = bsxfun(@plus,x,xmean);",
            "x = (y - ymean) .* (xstd ./ ystd) + xmean;",
        ),
    ),
    ProcessingFunction(
        "removeconstantrows",
        "x(keep); reverse puts the constants back",
        _read_removeconstantrows,
        _removal_sizes,
        _select,
        _restore,
        matlab_apply=("y = x(keep,:);",),
        matlab_reverse=tuple(
            f"Q = size(y,2); x = {start}; x(keep,:) = y; x(remove,:) = {constants};"
            for start, constants in (
                ("nan(xrows,Q)", "repmat(constants,1,Q)"),
                ("nan(xrows,Q,'like',y)", "repmat(constants,1,Q)"),
                ("zeros(xrows,Q)", "constants(:,ones(1,Q))"),
            )
        ),
    ),
    ProcessingFunction(
        "removerows",
        "x(keep); reverse puts NaN back",
        _read_removal,
        _removal_sizes,
        _select,
        _restore,
        unconfirmed="the names of the settings",
    ),
    ProcessingFunction(
        "fixunknowns",
        "each row that may be NaN becomes two: its value, NaN replaced by the row's mean, and 1 known or 0 unknown",
        _read_fixunknowns,
        lambda s: (int(s["rows"][0]), int(s["rows"][0]) + len(s["unknown"])),
        _flag_unknowns,
        _restore_unknowns,
        limits=lambda s, processed: processed[_restore_unknowns(s).value_row],
    ),
    ProcessingFunction(
        "processpca",
        "transform x; reverse inverseTransform y",
        _read_processpca,
        lambda s: (s["transform"].shape[1], s["transform"].shape[0]),
        lambda s: Multiply(s["transform"]),
        lambda s: Multiply(s["inverse_transform"]),
        limits=lambda s, processed: np.full((s["transform"].shape[1], 2), np.nan),
    ),
    ProcessingFunction(
        "lvqoutputs",
        "x",
        _read_lvqoutputs,
        lambda s: (int(s["rows"][0]), int(s["rows"][0])),
        lambda s: Identity(),
        lambda s: Identity(),
    ),
    ProcessingFunction(
        "standardize",
        "(x - Mu) / Sigma; reverse y Sigma + Mu",
        _read_standardize,
        _same_size("Sigma"),
        lambda s: Unscale(np.zeros(len(s["Mu"])), s["Sigma"], s["Mu"]),
        lambda s: Scale(np.zeros(len(s["Mu"])), s["Sigma"], s["Mu"]),
        shallow=False,
    ),
    ProcessingFunction(
        "zerocenter",
        "x - Mean; reverse y + Mean",
        _read_zerocenter,
        _same_size("Mean"),
        lambda s: Shift(s["Mean"]),
        lambda s: Shift(-s["Mean"]),
        shallow=False,
    ),
    ProcessingFunction(
        "rescale",
        "(x - Min) / (Max - Min) (TargetMax - TargetMin) + TargetMin",
        _read_rescale,
        _same_size("Min"),
        lambda s: Scale(s["Min"], _rescale_gain(s), s["TargetMin"]),
        lambda s: Unscale(s["Min"], _rescale_gain(s), s["TargetMin"]),
        limits=lambda s, processed: np.stack([s["Min"], s["Max"]], axis=1),
        shallow=False,
    ),
)

PROCESSING: Mapping[str, ProcessingFunction] = {row.name: row for row in _ROWS}
"""The table: the processing functions of the class `network` by name, and those of the classes that followed it."""
