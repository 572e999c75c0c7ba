"""A network as a small table, for notebooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from matnet.errors import counted
from matnet.model.structure import LayerSources, Process, Structure, Weight
from matnet.network.markup import Html, element, joined, table

HEAD = ("", "name", "size", "functions", "from")


def line(structure: Structure, name: str) -> str:
    """A network in one line: its name, sizes and transfer functions."""
    sizes = [structure.input_size, *(layer.size for layer in structure.listed)]
    functions = ", ".join(layer.kind or layer.transfer for layer in structure.listed)
    shown = f"{name}: " if name else ""
    return f"<Network {shown}{'-'.join(map(str, sizes))}, {functions}>"


def html(structure: Structure, name: str) -> Html:
    """A network's name and its table of inputs, layers and outputs."""
    caption = element("p", element("b", name or "network"), f": {summary(structure)}")
    return joined([caption, overview(structure)])


def summary(structure: Structure) -> str:
    """A description of the network in one sentence without a full stop."""
    count = sum(layer.parameters for layer in structure.layers)
    words = [
        counted(structure.input_size, "input"),
        counted(len(structure.listed), "layer"),
        counted(structure.output_size, "output"),
        f"{count:,} weights and biases",
    ]
    kind = "dynamic" if structure.dynamic else "static"
    return f"{kind}, {', '.join(words)}"


def sentence(structure: Structure) -> str:
    """A description of the network in one sentence, with its transfer functions."""
    kind, _, rest = summary(structure).partition(", ")
    functions = list(dict.fromkeys(layer.transfer for layer in structure.layers))
    return f"A {kind} network: {rest}; {', '.join(functions)}."


def overview(structure: Structure) -> Html:
    """The table of inputs, layers and outputs."""
    return table(HEAD, rows_of(structure), numbers=(2,))


def rows_of(structure: Structure) -> Iterator[tuple[object, ...]]:
    """The rows of that table, under HEAD."""
    for number, entry in enumerate(structure.inputs, start=1):
        back = entry.feedback_output
        source = "" if back is None else f"feedback of output {back + 1}"
        yield f"input {number}", entry.name, entry.size, _steps(entry.processing), source
    for number, layer in enumerate(structure.listed, start=1):
        functions = layer.transfer if layer.net_input == "netsum" else f"{layer.transfer}, {layer.net_input}"
        sources = _sources(structure.received(number - 1))
        yield f"layer {number}", layer.name, layer.size, layer.kind or functions, sources
    for number, output in enumerate(structure.outputs, start=1):
        loop = {"none": "", "open": ", open loop", "closed": ", closed loop"}[output.feedback_mode]
        yield f"output {number}", output.name, output.size, _steps(output.processing), f"layer {output.layer + 1}{loop}"


def _steps(steps: Sequence[Process]) -> str:
    return ", ".join(step.function for step in steps) or "no processing"


def _sources(received: LayerSources) -> str:
    parts = ["bias"] if received.bias else []
    parts += _weights("input", received.input_weights)
    parts += _weights("layer", received.layer_weights)
    return ", ".join(parts)


def _weights(kind: str, weights: Mapping[int, Weight]) -> Iterator[str]:
    for number, weight in weights.items():
        function = "" if weight.function in ("dotprod", "unweighted") else f" by {weight.function}"
        late = "" if weight.delays == (0,) else f" delayed {', '.join(map(str, weight.delays))}"
        yield f"{kind} {number + 1}{function}{late}"
