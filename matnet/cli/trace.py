"""The command `trace`: every intermediate number of one sample, and where one's own computation differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from matnet.cli.batches import check_points, samples, states_given
from matnet.cli.csv_text import csv_text
from matnet.cli.models import ensemble, load_members, named_alike
from matnet.cli.options import (
    at_option,
    fed_back_option,
    file_argument,
    inputs_option,
    json_option,
    keep_out_option,
    loading_options,
    model_options,
    networks_each_option,
    no_clobber_option,
    optional_table_argument,
    outputs_option,
    states_option,
    table_options,
)
from matnet.cli.results import check_place, opened_result
from matnet.cli.speech import json_text
from matnet.cli.targets import samples_and_targets
from matnet.errors import MatnetError, TableError, counted, printable

if TYPE_CHECKING:
    from matnet.network import Network
    from matnet.network.mistakes import Difference, UserNumber
    from matnet.network.trace import Trace

AGREES, DIFFERS = 0, 1


@click.command("trace", short_help="Every intermediate number of one sample, to compare with your own program.")
@file_argument
@optional_table_argument
@at_option
@click.option(
    "--row",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="K",
    help="Which row of TABLE, the first being 1; for a dynamic network the time step.",
)
@click.option(
    "--against",
    metavar="MINE.csv",
    help="Numbers of your own program, with the columns quantity and value: say which is the first that differs, and "
    "what that usually means.",
)
@click.option(
    "-o", "--out", metavar="OUT.csv", help="Write the trace as a table: quantity, value, computed; .txt and .tsv too."
)
@networks_each_option
@loading_options
@model_options
@no_clobber_option
@inputs_option
@outputs_option
@keep_out_option
@fed_back_option
@states_option
@click.option("--full", is_flag=True, help="Write out sums of any length (default: those of at most 32 terms).")
@json_option
@table_options
def command(**options: Any) -> int:
    """Show every number between one sample of TABLE and the outputs of the network in FILE, in order.

    The inputs, after each step of the processing, the weighted inputs z, net input n and output a of each layer, and
    the outputs; then the factors of the derivatives, back through all layers, and dy/dx. Beside each number is what to
    type into a calculator to get it; a long sum takes several lines, each of which begins with the subtotal before.

    With --against, only some quantities need be given, by the names of the trace; n1(3), n1_3 and n{1}(3) are the same.
    A number may be rounded: it agrees if the trace is within a unit of its last digit.

    Of several networks, each has its trace, followed by the mean of their outputs and derivatives; --against compares
    with each of them.

    Exit status 0: shown, or all numbers given agree, with one of several networks; 1: some differ.
    """
    from matnet.tables.formats import delimiter_for

    out = options["out"] or "-"
    check_place(out, options)
    delimiter = delimiter_for(out)
    given = None if options["against"] is None else _read_given(options["against"])
    members = load_members(options)
    shown = _Shown(_traces(members, options), options)
    if options["out"] is not None:
        with opened_result(options["out"]) as target:
            target.write(csv_text(shown.rows(), delimiter).encode())
    if given is not None:
        return _compare(shown, given, options)
    if options["as_json"]:
        click.echo(json_text({"row": options["row"], **shown.record()}))
    elif options["out"] is None:
        click.echo("\n".join(map(printable, shown.text().split("\n"))))
    return AGREES


class _Shown:
    """The traces of one network or of several, and the mean of these."""

    def __init__(self, traces: Trace | dict[str, Trace], options: dict[str, Any]) -> None:
        from matnet.network.trace import mean_stages

        self.alone = None if isinstance(traces, dict) else traces
        self.traces = traces if isinstance(traces, dict) else {"": traces}
        self._full = options["full"]
        dynamic = any(trace.route.structure.dynamic for trace in self.traces.values())
        self._mean = () if self.alone is not None or dynamic else mean_stages(list(self.traces.values()))

    def rows(self) -> list[tuple[Any, ...]]:
        """The table of OUT."""
        from matnet.network.trace import stage_rows

        if self.alone is not None:
            return [("quantity", "value", "computed"), *self.alone.rows(self._full)]
        rows: list[tuple[Any, ...]] = [("network", "quantity", "value", "computed")]
        for name, trace in self.traces.items():
            rows += [(name, *row) for row in trace.rows(self._full)]
        return [*rows, *(("mean", *row) for row in stage_rows(self._mean, self._full))]

    def record(self) -> dict[str, Any]:
        """The same for JSON."""
        from matnet.network.trace import stage_record

        if self.alone is not None:
            return {"stages": self.alone.record(self._full)}
        networks = [{"network": name, "stages": trace.record(self._full)} for name, trace in self.traces.items()]
        return {"networks": networks, **({"mean": stage_record(self._mean, self._full)} if self._mean else {})}

    def text(self) -> str:
        """The same for a terminal."""
        from matnet.network.trace import stages_text

        if self.alone is not None:
            return self.alone.text(self._full)
        parts = [f"{name}\n{trace.text(self._full)}" for name, trace in self.traces.items()]
        return "\n\n".join([*parts, *([stages_text(self._mean, self._full)] if self._mean else [])])


def _traces(members: Network | dict[str, Network], options: dict[str, Any]) -> Trace | dict[str, Trace]:
    """The trace of the network, or of several by their names."""
    model = ensemble(members, options)
    if options["table"] is None and not options["at"] and model.input_size:
        raise click.UsageError("Missing argument 'TABLE'; or give one sample with --at")
    if options["table"] is not None and options["at"]:
        raise click.UsageError("TABLE and --at are alternatives; give one of them")
    check_points(model, options)
    networks = list(named_alike(members, model).values()) if isinstance(members, dict) else [members]
    if options["outputs"]:
        networks = [net.with_names(outputs=options["outputs"]) for net in networks]
    if not model.input_size or any(net.dynamic for net in networks):
        if options["table"] == "-" and len(networks) > 1:
            raise TableError("standard input can be read only once, but there are several networks; name a table")
        traces = [_trace_of_step(net, options) for net in networks]
    else:
        row = options["row"]
        x, names = samples(model, options, most=row)
        if len(x) < row:
            raise TableError(f"--row {row}: it has {counted(len(x), 'row')}", place=options["table"] or "--at")
        traces = [net.with_names(inputs=names).trace(x[row - 1]) for net in networks]
    return dict(zip(members, traces, strict=True)) if isinstance(members, dict) else traces[0]


def _trace_of_step(net: Network, options: dict[str, Any]) -> Trace:
    """The row of a series; the first rows may be its states."""
    row, place = options["row"], options["table"] or "--at"
    if not net.input_size:
        states = states_given(options)
        if states is None or states.first_rows:
            raise click.UsageError(
                "a network without inputs: say what came before with --states: zeros, or FILE.mat:,Ai"
            )
        return net.trace(step=row, input_states=states.inputs, layer_states=states.layers)
    given = samples_and_targets(net, options)
    last = given.first - 1 + len(given.x)
    if row > last:
        raise TableError(f"--row {row}: it has {counted(last, 'row')}", place=place)
    if row < given.first:
        raise TableError(
            f"--row {row}: the rows before row {given.first} are the states of the series and have no outputs; name a "
            "later row, or start from zeros with --states zeros",
            place=place,
        )
    return net.with_names(inputs=given.inputs).trace(given.x, row - given.first + 1, **given.states)


def _read_given(file: str) -> dict[str, UserNumber]:
    """The quantities and values of a CSV file."""
    from matnet.proof.given import read_given

    return read_given(file)


def _compare(shown: _Shown, given: dict[str, UserNumber], options: dict[str, Any]) -> int:
    try:
        differences = {name: trace.against(given) for name, trace in shown.traces.items()}
    except MatnetError as error:
        raise error.at(options["against"]) from error.__cause__
    if options["as_json"]:
        documents = [
            {"network": name, "compared": len(given), "differences": [_record(entry) for entry in own]}
            for name, own in differences.items()
        ]
        if shown.alone is not None:
            del documents[0]["network"]
        document = documents[0] if shown.alone is not None else {"networks": documents}
        click.echo(json_text({"row": options["row"], **document}))
    else:
        for name, own in differences.items():
            lines = _lines(own) if own else [f"{counted(len(given), 'number')} compared: all agree"]
            heading = [] if shown.alone is not None else [name]
            click.echo("\n".join(printable(line) for line in [*heading, *lines]))
    return DIFFERS if all(differences.values()) else AGREES


def _record(difference: Difference) -> dict[str, Any]:
    return {
        "quantity": difference.quantity,
        "given": difference.given,
        "expected": difference.expected,
        "reasons": list(difference.reasons),
    }


def _lines(differences: tuple[Difference, ...]) -> list[str]:
    lines = []
    for number, difference in enumerate(differences):
        start = "first difference" if not number else "with that, the next"
        lines.append(f"{start}: {difference.quantity} is {difference.given:.10g}, expected {difference.expected:.10g}")
        reasons = difference.reasons or ("none of the usual mistakes gives this number",)
        lines += [f"  {'or ' if place else ''}{reason}" for place, reason in enumerate(reasons)]
    return lines
