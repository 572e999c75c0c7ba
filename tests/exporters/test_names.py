"""Names in written files: what a language allows, what is made of others, and what is said of the elements."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import numpy as np
import pytest

import matnet
from matnet.exporters.fmu.sources import Compiler
from matnet.exporters.names import NameRule, checked_names, documented, function_name, plain
from matnet.exporters.target import targets
from matnet.model.ranges import Extent

RULE = NameRule(words=frozenset({"end", "for"}), longest=8)


@pytest.mark.parametrize(
    ("name", "refusal", "legal"),
    [
        ("pump", "", "pump"),
        ("p2_x", "", "p2_x"),
        ("eight_ch", "", "eight_ch"),
        ("nine_char", "has 9 characters, at most 8 are allowed", "nine_cha"),
        ("2pump", "is not a name of letters, digits and _ that begins with a letter", "net_2pum"),
        ("_pump", "is not a name of letters, digits and _ that begins with a letter", "net_pump"),
        ("a b-c", "is not a name of letters, digits and _ that begins with a letter", "a_b_c"),
        ("é", "is not a name of letters, digits and _ that begins with a letter", "net"),
        ("end", "is a word that the language or the written code uses itself", "end_"),
        ("END", "", "END"),
    ],
)
def test_names_that_a_language_allows(name: str, refusal: str, legal: str) -> None:
    assert RULE.refusal(name) == refusal
    assert RULE.legal(name) == legal


def test_a_language_without_case_and_one_that_takes_any_name() -> None:
    caseless = NameRule(words=frozenset({"end"}), caseless=True)
    assert caseless.refusal("END") == "is a word that the language or the written code uses itself"
    assert caseless.legal("END") == "END_"
    free = NameRule(free=True, words=frozenset({"end"}))
    assert (free.refusal("1 é"), free.legal("1 é"), free.legal("end")) == ("", "1 é", "end")
    # a word of the longest length keeps it
    assert NameRule(words=frozenset({"eight_ch"}), longest=8).legal("eight_ch") == "eight_c_"
    assert NameRule().legal("a" * 70) == "a" * 63
    assert NameRule().refusal("a" * 63) == ""


def test_names_with_a_number_that_the_written_code_uses_itself() -> None:
    rule = NameRule(numbered="c")
    assert rule.refusal("c12") == "is a word that the language or the written code uses itself"
    assert rule.legal("c12") == "c12_"
    assert [rule.refusal(name) for name in ("c", "c1x", "d1", "C1")] == [""] * 4
    assert NameRule(numbered="c", caseless=True).refusal("C1") != ""
    # without one no name is taken, as no language has words of digits
    assert NameRule().refusal("c12") == ""


def test_the_name_of_a_function() -> None:
    assert function_name(RULE, "pump", None) == ("pump", "")
    assert function_name(RULE, "pump", "head") == ("head", "")
    made, note = function_name(RULE, "my pump", None)
    assert (made, note) == (
        "my_pump",
        "the function is called my_pump: 'my pump' is not a name of letters, digits and _ that begins with a letter",
    )
    with pytest.raises(matnet.UnsupportedError, match=r"name: 'for' is a word that the language"):
        function_name(RULE, "pump", "for")
    with pytest.raises(matnet.UnsupportedError) as refused:
        function_name(RULE, "pump", "x" * 100)
    assert str(refused.value) == f"name: '{'x' * 80}' has 100 characters, at most 8 are allowed"
    by_file = NameRule(file="MATLAB calls a function")
    assert function_name(by_file, "pump", None) == ("pump", "")
    assert function_name(by_file, "pump", "pump") == ("pump", "")
    for stem, requested, message in (
        ("my pump", None, ", and 'my pump' is not a name of letters, digits and _ that begins with a letter"),
        ("pump", "head", ""),
    ):
        with pytest.raises(matnet.UnsupportedError) as refused:
            function_name(by_file, stem, requested)
        wanted = by_file.legal(requested or stem)
        assert (
            str(refused.value)
            == f"MATLAB calls a function by its file's name{message}; write it to a file named {wanted}"
        )


def test_the_names_of_elements() -> None:
    assert checked_names(["a", "b"], ["a"], 2, 1) == (("a", "b"), ("a",))
    for inputs, outputs, message in (
        (["a"], ["y"], "1 input name given, but the network has 2 input elements"),
        (["a", "b"], ["y", "z"], "2 output names given, but the network has 1 output element"),
        (["a", " "], ["y"], "input name 2 is ' ', expected printable text"),
        (["a\n", "b"], ["y"], "input name 1 is 'a\\n', expected printable text"),
        (["a", 3], ["y"], "input name 2 is 3, expected printable text"),
        (["a", "a"], ["y"], "two inputs are called a; each needs a name of its own"),
    ):
        with pytest.raises(matnet.UnsupportedError) as refused:
            checked_names(inputs, outputs, 2, 1)  # type: ignore[arg-type]
        assert str(refused.value) == message


def test_what_the_targets_take() -> None:
    """A workbook holds one sample and finite numbers; names are free where they are texts."""
    workbook, code, graph, page, archive = (targets()[suffix] for suffix in (".xlsx", ".c", ".onnx", ".js", ".json"))
    for target in (workbook, code, graph, page, archive):
        assert target.names.free == (target is not code)
        assert target.static == target.finite == (target is workbook)
        assert ("float32" in target.precisions) == (target in (code, graph))
        assert target.keeps_start == (target is archive)


@pytest.mark.parametrize(
    ("suffix", "tools"),
    [(".c", ("cc", "gcc", "clang")), (".f90", ("gfortran",)), (".js", ("node", "nodejs")), (".m", ("octave-cli",))],
)
def test_what_is_missing_to_run_a_file(suffix: str, tools: tuple[str, ...]) -> None:
    assert bool(targets()[suffix].missing()) == (not any(map(shutil.which, tools)))


@pytest.mark.parametrize(
    ("suffix", "tools", "missing"),
    [
        (".c", ("cc", "gcc", "clang"), "a C compiler"),
        (".f90", ("gfortran",), "gfortran"),
        (".js", ("node", "nodejs"), "Node.js"),
        (".m", ("octave-cli", "octave"), "GNU Octave"),
        (".xlsx", ("soffice", "libreoffice"), "LibreOffice"),
    ],
)
def test_one_of_several_programs_is_enough(
    suffix: str, tools: tuple[str, ...], missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert targets()[suffix].missing() == missing
    for tool in tools:
        program = tmp_path / tool
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        assert targets()[suffix].missing() == ""
        program.unlink()


@pytest.mark.parametrize(
    ("suffix", "written_by", "package", "missing"),
    [(".onnx", "onnx_model", "onnxruntime", "onnxruntime"), (".fmu", "fmu.archive", "fmpy", "FMPy")],
)
def test_a_package_that_is_missing_to_run_a_file(
    suffix: str, written_by: str, package: str, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module(f"matnet.exporters.{written_by}")
    if suffix == ".fmu":
        monkeypatch.setattr(module, "compiler", lambda: Compiler(("cc",)))
    for found in (None, "there"):
        monkeypatch.setattr(module, "find_spec", {package: found}.get)
        assert targets()[suffix].missing() == ("" if found else missing)


def test_what_a_comment_says_of_the_elements() -> None:
    extent = Extent(np.array([[0.5, 2.0], [-np.inf, np.inf], [1e-7, 1234567.0]]), ("training", "unknown", "scaling"))
    assert documented(["flow", "a*/b", "c"], ["m³/h", "", "%"], extent) == [
        "1: flow (m3/h), 0.5 to 2 in training",
        "2: a_/b",
        "3: c (percent), 1e-07 to 1.23457e+06 by its scaling",
    ]
    assert plain("a" * 300) == "a" * 200
    assert plain("x\n*/é") == "x__/_"
