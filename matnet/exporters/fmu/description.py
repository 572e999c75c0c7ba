"""``modelDescription.xml`` and, of FMI 3.0, ``sources/buildDescription.xml``.

A scalar variable for each input and output element: value references from 1, the inputs first. FMI 3.0 also wants the
time as a variable, which is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np

from matnet.errors import Advice, Parameter, UnsupportedError
from matnet.exporters.recording import Recording
from matnet.functions.namespace import FloatArray


@dataclass(frozen=True)
class _Variable:
    """An input or output element. ``start`` is the start value of an input."""

    name: str
    reference: int
    causality: str
    unit: str
    low: float
    high: float
    start: float | None = None

    @property
    def limits(self) -> dict[str, str]:
        """Its attributes min and max, as far as they are known."""
        known = np.isfinite(self.low) and np.isfinite(self.high) and self.low <= self.high
        return {"min": _number(self.low), "max": _number(self.high)} if known else {}


def starts(ranges: FloatArray) -> list[float]:
    """The start value of each input: the middle of its range, or 0 if it is unknown."""
    return [
        max(low, min(low / 2 + high / 2, high)) if np.isfinite(low) and np.isfinite(high) and low <= high else 0.0
        for low, high in ranges.tolist()
    ]


def step_size(recording: Recording) -> float:
    """The time between two steps of a dynamic network."""
    return 1.0 if recording.options.step is None else recording.options.step


def model_description(recording: Recording, fmi: str, token: str, files: Sequence[str]) -> bytes:
    """The bytes of ``modelDescription.xml``.

    Raises
    ------
    UnsupportedError
        An input and an output have the same name.
    """
    variables = _variables(recording)
    if fmi == "2.0":
        return _written(_of_fmi2(recording, variables, token, files))
    return _written(_of_fmi3(recording, variables, token))


def build_description(recording: Recording, files: Sequence[str]) -> bytes:
    """The bytes of ``buildDescription.xml``."""
    root = ElementTree.Element("fmiBuildDescription", fmiVersion="3.0")
    configuration = ElementTree.SubElement(root, "BuildConfiguration", modelIdentifier=recording.name)
    units = ElementTree.SubElement(configuration, "SourceFileSet", language="C99")
    for name in files:
        ElementTree.SubElement(units, "SourceFile", name=name)
    ElementTree.SubElement(configuration, "Library", name="m", external="true")
    return _written(root)


def _variables(recording: Recording) -> list[_Variable]:
    net = recording.net
    twice = [name for name in recording.inputs if name in recording.outputs]
    if twice:
        raise UnsupportedError(
            f"an input and an output are both called {twice[0]!r}, and the variables of an FMU need different names",
            Advice("; give others with ", Parameter("inputs"), " and ", Parameter("outputs")),
        )
    inputs = zip(
        recording.inputs, net.input_units, recording.input_range.tolist(), starts(recording.input_range), strict=True
    )
    found = [
        _Variable(name, reference, "input", unit, low, high, start)
        for reference, (name, unit, (low, high), start) in enumerate(inputs, start=1)
    ]
    outputs = zip(recording.outputs, net.output_units, recording.output_range.tolist(), strict=True)
    return found + [
        _Variable(name, reference, "output", unit, low, high)
        for reference, (name, unit, (low, high)) in enumerate(outputs, start=1 + len(found))
    ]


def _of_fmi3(recording: Recording, variables: Sequence[_Variable], token: str) -> ElementTree.Element:
    root = _root(recording, "3.0", {"instantiationToken": token})
    common = {
        "modelIdentifier": recording.name,
        "canGetAndSetFMUState": "true",
        "canSerializeFMUState": "true",
        "providesDirectionalDerivatives": _boolean(recording.options.jacobian),
        "providesAdjointDerivatives": _boolean(recording.options.jacobian),
    }
    if recording.net.dynamic:
        step = {"fixedInternalStepSize": _number(step_size(recording))}
        ElementTree.SubElement(root, "CoSimulation", common | _VARIABLE_STEP | step)
    else:
        ElementTree.SubElement(root, "ModelExchange", common)
        ElementTree.SubElement(root, "CoSimulation", common | _VARIABLE_STEP)
    _add_common(root, recording, variables)
    listed = ElementTree.SubElement(root, "ModelVariables")
    names = {variable.name for variable in variables}
    time = next(name for name in ("time", *(f"time_{number}" for number in range(len(names)))) if name not in names)
    ElementTree.SubElement(
        listed, "Float64", name=time, valueReference="0", causality="independent", variability="continuous"
    )
    structure = ElementTree.Element("ModelStructure")
    for variable in variables:
        attributes = {
            "name": variable.name,
            "valueReference": str(variable.reference),
            "causality": variable.causality,
            "variability": _variability(recording, variable),
        }
        ElementTree.SubElement(listed, "Float64", attributes | _real(variable))
    for kind in ("Output", "InitialUnknown"):
        for variable in variables:
            if variable.causality == "output":
                ElementTree.SubElement(structure, kind, valueReference=str(variable.reference))
    root.append(structure)
    return root


def _of_fmi2(
    recording: Recording, variables: Sequence[_Variable], token: str, files: Sequence[str]
) -> ElementTree.Element:
    root = _root(recording, "2.0", {"guid": token})
    if not recording.net.dynamic:
        root.set("numberOfEventIndicators", "0")
    common = {
        "modelIdentifier": recording.name,
        "canNotUseMemoryManagementFunctions": "true",
        "canGetAndSetFMUstate": "true",
        "canSerializeFMUstate": "true",
        "providesDirectionalDerivative": _boolean(recording.options.jacobian),
    }
    kinds = [("CoSimulation", common | _VARIABLE_STEP)]
    if not recording.net.dynamic:
        kinds = [("ModelExchange", common | {"completedIntegratorStepNotNeeded": "true"}), *kinds]
    for kind, attributes in kinds:
        units = ElementTree.SubElement(ElementTree.SubElement(root, kind, attributes), "SourceFiles")
        for name in files:
            ElementTree.SubElement(units, "File", name=name)
    _add_common(root, recording, variables)
    listed, structure = ElementTree.SubElement(root, "ModelVariables"), ElementTree.Element("ModelStructure")
    for variable in variables:
        attributes = {
            "name": variable.name,
            "valueReference": str(variable.reference),
            "causality": variable.causality,
            "variability": _variability(recording, variable),
        }
        scalar = ElementTree.SubElement(listed, "ScalarVariable", attributes)
        ElementTree.SubElement(scalar, "Real", _real(variable))
    for kind in ("Outputs", "InitialUnknowns"):
        unknowns = ElementTree.SubElement(structure, kind)
        for variable in variables:
            if variable.causality == "output":
                # the number of the variable in the list, from 1, which is also its value reference
                ElementTree.SubElement(unknowns, "Unknown", index=str(variable.reference))
    root.append(structure)
    return root


_VARIABLE_STEP = {"canHandleVariableCommunicationStepSize": "true"}


def _add_common(root: ElementTree.Element, recording: Recording, variables: Sequence[_Variable]) -> None:
    """The elements that both versions have, after the interfaces."""
    units = dict.fromkeys(variable.unit for variable in variables if variable.unit)
    if units:
        definitions = ElementTree.SubElement(root, "UnitDefinitions")
        for unit in units:
            ElementTree.SubElement(definitions, "Unit", name=unit)
    categories = ElementTree.SubElement(root, "LogCategories")
    ElementTree.SubElement(categories, "Category", name="logStatusError")
    if recording.net.dynamic:
        ElementTree.SubElement(root, "DefaultExperiment", stepSize=_number(step_size(recording)))


def _root(recording: Recording, fmi: str, token: dict[str, str]) -> ElementTree.Element:
    told = {"description": "; ".join(recording.origin)} if recording.origin else {}
    tool = {"generationTool": "matnet", "variableNamingConvention": "flat"}
    return ElementTree.Element(
        "fmiModelDescription", {"fmiVersion": fmi, "modelName": recording.name, **token, **told, **tool}
    )


def _variability(recording: Recording, variable: _Variable) -> str:
    """The outputs of a dynamic network change at its steps only."""
    return "discrete" if recording.net.dynamic and variable.causality == "output" else "continuous"


def _real(variable: _Variable) -> dict[str, str]:
    unit = {"unit": variable.unit} if variable.unit else {}
    start = {} if variable.start is None else {"start": _number(variable.start)}
    return unit | variable.limits | start


def _number(value: float) -> str:
    return repr(float(value))


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _written(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()
