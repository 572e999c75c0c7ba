"""The command `sensitivity`: how strongly the outputs depend on each input over a table, in numbers."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from matnet.cli.batches import chosen_columns, opened
from matnet.cli.csv_text import csv_text
from matnet.cli.models import load_model, remark_on_steps
from matnet.cli.options import (
    fed_back_option,
    file_argument,
    inputs_option,
    keep_out_option,
    loading_options,
    model_options,
    networks_option,
    no_clobber_option,
    of_option,
    out_option,
    outputs_option,
    states_option,
    table_argument,
    table_options,
)
from matnet.cli.results import check_place, opened_result
from matnet.cli.speech import Progress, aligned, note
from matnet.cli.targets import samples_and_targets
from matnet.errors import TableError, UnsupportedError, counted, printable

if TYPE_CHECKING:
    from matnet.functions.namespace import FloatArray
    from matnet.network import Ensemble, Network
    from matnet.sensitivity.interactions import Interactions
    from matnet.sensitivity.measures import Measures
    from matnet.sensitivity.records import Record
    from matnet.sensitivity.widths import Widths

INTERACTION_INPUTS = 256
"""Above this many inputs --interactions is refused: its pairs would not fit into memory, nor on a page."""


@click.command("sensitivity", short_help="How strongly the outputs depend on each input over a table, ranked.")
@file_argument
@table_argument
@out_option
@networks_option
@loading_options
@model_options
@no_clobber_option
@inputs_option
@outputs_option
@keep_out_option
@fed_back_option
@states_option
@of_option
@click.option(
    "--interactions",
    is_flag=True,
    help="Pairs of inputs instead, by the second derivative: how the effect of one depends on the other.",
)
@click.option(
    "--lags",
    type=click.IntRange(0),
    metavar="COUNT",
    help="Dynamic networks: the largest lag (default: the longest that the delays reach, at most 20 and half of the "
    "steps).",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON; what is not known is null.")
@table_options
def command(**options: Any) -> None:
    """Measure how strongly the outputs of the network in FILE depend on its inputs over the rows of TABLE.

    One row for each output and input, by rank: mean, sd and rms of dy/dx over the samples; min, max and quantiles q05
    to q95; the shares of samples where it is positive and negative; how often its sign changes from row to row; at how
    many samples it is known; and scaled_mean, scaled_sd, scaled_rms, times the width of the input's range over the
    output's (of the training where it is known, else of TABLE). Rank 1 has the largest scaled rms.

    With --interactions one row for each output and pair of inputs: mean, rms and scaled rms of d2y/dx1dx2.

    A terminal shows the most important columns, rounded; a file or a pipe gets CSV with all of them.

    A table may be larger than memory. Quantiles are exact up to 16 million derivatives, beyond that those of an evenly
    random part of the rows, and standard error says of how many. TABLE of a dynamic network is one series, held in
    memory, with a row for each lag.
    """
    from matnet.tables.columns import OF, Columns, output_names, selected
    from matnet.tables.formats import delimiter_for

    check_place(options["out"], options)
    delimiter = "," if options["as_json"] else delimiter_for(options["out"])
    net = load_model(options)
    remark_on_steps(net)
    if options["interactions"]:
        _check_interactions(net)
    outputs = output_names(Columns(outputs=options["outputs"]).named_by(net), net.output_size)
    shown = selected(outputs, options["of"], OF)
    kind, summary, records = _measured(net, options, outputs)
    records = [record for record in records if outputs.index(record["output"]) in shown]
    if options["as_json"]:
        text = _json(summary, kind, records)
    elif options["out"] == "-" and sys.stdout is not None and sys.stdout.isatty():
        text = _terminal(records)
    else:
        text = csv_text([list(records[0]), *(list(record.values()) for record in records)], delimiter)
    with opened_result(options["out"]) as target:
        target.write(text.encode())


def _check_interactions(net: Network | Ensemble) -> None:
    if _dynamic(net) is not None:
        raise UnsupportedError("--interactions: not supported for dynamic networks")
    if net.input_size > INTERACTION_INPUTS:
        raise UnsupportedError(
            f"--interactions: {counted(net.input_size, 'input')} have "
            f"{net.input_size * (net.input_size + 1) // 2:,} pairs; at most {INTERACTION_INPUTS} inputs are supported"
        )


def _dynamic(model: Network | Ensemble) -> Network | None:
    """The network if it is a dynamic one; an ensemble has static members."""
    from matnet.network import Network

    return model if isinstance(model, Network) and model.dynamic else None


def _measured(
    net: Network | Ensemble, options: dict[str, Any], outputs: Sequence[str]
) -> tuple[str, Record, list[Record]]:
    """What the records are, what holds for all of them, and the records."""
    from matnet.sensitivity.lags import first_lag
    from matnet.sensitivity.records import interaction_records, sensitivity_records, width_record

    if options["interactions"]:
        chunks = _Chunks(net, options)
        pairs = chunks.interactions()
        summary = {"rows": chunks.rows, **width_record(chunks.widths, chunks.names, outputs)}
        return "interactions", summary, interaction_records(pairs, chunks.widths, chunks.names, outputs)
    series, first = _dynamic(net), 0
    if series is not None:
        measures, widths, inputs = _over_series(series, options)
        first = first_lag(series, len(measures.rms))
    else:
        chunks = _Chunks(net, options)
        measures, widths, inputs = chunks.measures(), chunks.widths, chunks.names
    if measures.quantile_rows < measures.rows:
        note(f"the quantiles are those of {measures.quantile_rows:,} of the {measures.rows:,} rows, chosen at random")
    summary = {"rows": measures.rows, "quantile_rows": measures.quantile_rows, **width_record(widths, inputs, outputs)}
    return "sensitivities", summary, sensitivity_records(measures, widths, inputs, outputs, first)


class _Chunks:
    """The rows of the table in chunks that fit into memory, whatever the length of the table."""

    def __init__(self, net: Network | Ensemble, options: dict[str, Any]) -> None:
        from matnet.sensitivity.widths import Widths

        self._net = net
        self._options = options
        self.widths: Widths = Widths.of(net)
        self.names: tuple[str, ...] = ()
        self.rows = 0

    def _each(self) -> Iterator[FloatArray]:
        from matnet.tables.chunks import chunk_rows, rechunked
        from matnet.tables.columns import Columns

        options = self._options
        columns = Columns(inputs=options["inputs"], keep=options["keep"]).named_by(self._net)
        progress = Progress()
        with opened(options, columns) as table:
            choice = chosen_columns(table, columns, self._net.input_size)
            self.names = choice.input_names
            width = self._net.output_size * self._net.input_size
            for rows in rechunked(table.rows(choice), chunk_rows(width)):
                yield rows.x
                self.rows += len(rows)
                progress(self.rows, table.fraction)
            progress.clear()
            if not self.rows:
                raise TableError("it has no rows, but sensitivities are measured over samples", place=table.place)

    def measures(self) -> Measures:
        """Of the first derivatives."""
        import numpy as np

        from matnet.sensitivity.measures import Accumulator

        accumulator = Accumulator((self._net.output_size, self._net.input_size))
        for x in self._each():
            y, jacobian = self._net.value_and_jacobian(x)
            self.widths.add(x, np.asarray(y))
            accumulator.add(np.asarray(jacobian))
        return accumulator.measures()

    def interactions(self) -> Interactions:
        """Of the second derivatives."""
        import numpy as np

        from matnet.sensitivity.interactions import InteractionAccumulator

        accumulator = InteractionAccumulator(self._net)
        for x in self._each():
            self.widths.add(x, np.asarray(self._net(x)))
            accumulator.add(x)
        return accumulator.interactions()


def _over_series(net: Network, options: dict[str, Any]) -> tuple[Measures, Widths, tuple[str, ...]]:
    from matnet.sensitivity.lags import lag_derivatives, lag_widths
    from matnet.sensitivity.measures import measures

    given = samples_and_targets(net, options)
    derivatives = lag_derivatives(net, given.x, options["lags"], **given.states)
    return measures(derivatives), lag_widths(net, given.x, **given.states), given.inputs


_WORDS = ("output", "input", "input1", "input2")
_SHOWN = (*_WORDS, "lag", "rank", "mean", "sd", "rms", "min", "q50", "max", "scaled_rms")
"""The columns that fit on a terminal."""


def _terminal(records: Sequence[Record]) -> str:
    """The most important columns, for a person; a file or a pipe gets all of them with all their digits."""
    names = [name for name in records[0] if name in _SHOWN]
    rows = [names, *([_short(record[name]) for name in names] for record in records)]
    left = [place for place, name in enumerate(names) if name in _WORDS]
    return "".join(f"{printable(line)}\n" for line in aligned(rows, left))


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _json(summary: Record, kind: str, records: Sequence[Record]) -> str:
    return json.dumps({**_nulled(summary), kind: [_nulled(record) for record in records]}, indent=2) + "\n"


def _nulled(record: Record) -> Record:
    return {
        key: _nulled(value)
        if isinstance(value, dict)
        else None
        if isinstance(value, float) and not math.isfinite(value)
        else value
        for key, value in record.items()
    }
