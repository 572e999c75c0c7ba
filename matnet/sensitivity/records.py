"""Sensitivities as records, one for each output and input, lag or pair of inputs: for tables and JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from matnet.sensitivity.interactions import Interactions
from matnet.sensitivity.measures import QUANTILES, Measures, ranks
from matnet.sensitivity.widths import Widths

Record: TypeAlias = dict[str, Any]


def width_record(widths: Widths, inputs: Sequence[str], outputs: Sequence[str]) -> Record:
    """The widths of the ranges by the names of inputs and outputs."""
    return {
        "input_widths": dict(zip(inputs, widths.inputs.tolist(), strict=True)),
        "output_widths": dict(zip(outputs, widths.outputs.tolist(), strict=True)),
    }


def sensitivity_records(
    measures: Measures, widths: Widths, inputs: Sequence[str], outputs: Sequence[str], first_lag: int = 0
) -> list[Record]:
    """A record for each output and input, and each lag from `first_lag` on where there are lags; by output and rank."""
    places = ranks(measures.rms, widths.inputs)
    lags = range(len(places)) if places.ndim == 3 else None
    records = []
    for i, output in enumerate(outputs):
        of_output = []
        for j, name in enumerate(inputs):
            for lag in (None,) if lags is None else lags:
                place = (i, j) if lag is None else (lag, i, j)
                record: Record = {"output": output, "input": name} | ({} if lag is None else {"lag": lag + first_lag})
                of_output.append(record | {"rank": int(places[place])} | _measures(measures, place, widths.scale[i, j]))
        records += sorted(of_output, key=lambda record: record["rank"])
    return records


def _measures(measures: Measures, place: tuple[int, ...], scale: float) -> Record:
    mean, sd, rms = float(measures.mean[place]), float(measures.sd[place]), float(measures.rms[place])
    spread = {f"q{share * 100:02.0f}": float(measures.quantiles[(k, *place)]) for k, share in enumerate(QUANTILES)}
    return {
        "mean": mean,
        "sd": sd,
        "rms": rms,
        "min": float(measures.smallest[place]),
        **spread,
        "max": float(measures.largest[place]),
        "positive": float(measures.positive[place]),
        "negative": float(measures.negative[place]),
        "sign_changes": int(measures.sign_changes[place]),
        "samples": int(measures.count[place]),
        "scaled_mean": mean * float(scale),
        "scaled_sd": sd * float(scale),
        "scaled_rms": rms * float(scale),
    }


def interaction_records(
    interactions: Interactions, widths: Widths, inputs: Sequence[str], outputs: Sequence[str]
) -> list[Record]:
    """A record for each output and pair of inputs; by output, the strongest pair first."""
    records = []
    for i, output in enumerate(outputs):
        pairs = []
        for j, first in enumerate(inputs):
            for k in range(j, len(inputs)):
                scale = float(widths.scale[i, j] * widths.inputs[k])
                pair: Record = {"output": output, "input1": first, "input2": inputs[k], "rank": 0}
                pair |= {"mean": float(interactions.mean[i, j, k]), "rms": float(interactions.rms[i, j, k])}
                pair |= {
                    "samples": int(interactions.count[i, j, k]),
                    "scaled_rms": float(interactions.rms[i, j, k]) * scale,
                }
                pairs.append(pair)
        pairs.sort(key=lambda pair: -pair["scaled_rms"] if math.isfinite(pair["scaled_rms"]) else math.inf)
        records += [pair | {"rank": place} for place, pair in enumerate(pairs, start=1)]
    return records
