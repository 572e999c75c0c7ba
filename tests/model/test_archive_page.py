"""docs/archive.md: its reader evaluates archives, and its schema lists the keys that archives have."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest

import matnet
from matnet.exporters.archive import archive_text
from matnet.functions.processing import PROCESSING
from matnet.network import Network

if TYPE_CHECKING:
    from conftest import ListedNetwork

PROJECT = Path(__file__).parent.parent.parent
PAGE = (PROJECT / "docs" / "archive.md").read_text(encoding="utf-8")

KNOWN = {"tansig", "logsig", "purelin", "poslin", "radbas", "softmax", "mapminmax", "mapstd", "removeconstantrows"}
"""What the reader does; the corpus has no weight function beyond its own that these would let through."""

Evaluate: TypeAlias = Callable[[dict[str, Any], list[float]], list[float]]


@pytest.fixture(scope="module")
def evaluate() -> Evaluate:
    """The reader, run as it stands on the page."""
    reader = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)[0]
    names: dict[str, Any] = {}
    exec(compile(reader, "docs/archive.md", "exec"), names)  # noqa: S102 - the page's own code
    found: Evaluate = names["evaluate"]
    return found


def agrees(evaluate: Evaluate, net: Network) -> None:
    document = json.loads(archive_text(net))
    checks = document["checks"]
    y = [evaluate(document, x) for x in checks["inputs"]]
    np.testing.assert_allclose(y, checks["outputs"], rtol=0, atol=1e-12 * np.abs(checks["outputs"]).max())


@pytest.mark.parametrize("fixture", ["pump.mat", "cascade.mat", "two_by_two.mat"])
def test_the_reader_evaluates_the_fixtures(evaluate: Evaluate, fixture: str) -> None:
    agrees(evaluate, matnet.load(PROJECT / "fixtures" / fixture))


def test_the_reader_evaluates_the_corpus_or_stops(
    evaluate: Evaluate, listed_network: ListedNetwork, corpus: Path
) -> None:
    net = matnet.load(corpus / listed_network.file, network=listed_network.path)
    structure = net.structure
    steps = [step for entry in structure.inputs for step in entry.processing]
    steps += [step for output in structure.outputs for step in output.processing]
    functions = {layer.transfer for layer in structure.layers}
    functions |= {step.function for step in steps if "no_change" not in step.settings}
    if functions <= KNOWN and not net.dynamic:
        agrees(evaluate, net)
    else:
        with pytest.raises(KeyError):
            agrees(evaluate, net)


def keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for entry in value.values() for key in keys(entry)}
    return {key for entry in value for key in keys(entry)} if isinstance(value, list) else set()


@pytest.mark.parametrize("fixture", ["pump.mat", "two_by_two.mat"])
def test_the_page_names_every_key(fixture: str) -> None:
    document = json.loads(archive_text(matnet.load(PROJECT / "fixtures" / fixture)))
    document["provenance"]["scaling_candidates"] = {}
    for key in keys(document):
        assert f"`{key}`" in PAGE, key


def test_the_page_has_a_row_for_every_processing_function() -> None:
    for name in PROCESSING:
        assert re.search(rf"^\| {name} \|", PAGE, flags=re.MULTILINE), name
