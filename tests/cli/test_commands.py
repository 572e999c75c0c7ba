"""The commands: their arguments, results, messages and exit statuses."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest

import matnet
from matnet.cli import entry
from matnet.cli.entry import COMMANDS, program, run
from matnet.tables.formats import SUFFIXES

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = str(FIXTURES / "pump.mat")
PUMP_INPUTS = str(FIXTURES / "pump_inputs.csv")
TWO_BY_TWO = str(FIXTURES / "two_by_two.mat")

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """Run a command: exit status, standard output and standard error."""

    def command(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        status = run(list(arguments))
        out, err = capsys.readouterr()
        return status, out, err

    return command


def table(text: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([[float(cell) for cell in line.split(",")] for line in text.splitlines()[1:]])


X = np.array([[20.0, 1500.0], [60.0, 2800.0]])
TEXT = "x1,x2\n20,1500\n60,2800\n"


def test_predict(said: Said) -> None:
    status, out, err = said("predict", PUMP, "-", stdin=TEXT)
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == "y1"
    np.testing.assert_array_equal(table(out), matnet.load(PUMP)(X))


def test_gradients_to_a_file(said: Said, tmp_path: Path) -> None:
    target = tmp_path / "gradients.csv"
    assert said("gradients", PUMP, PUMP_INPUTS, "-o", str(target)) == (0, "", "")
    lines = target.read_text().splitlines()
    assert lines[0] == "y1,dy1_dx1,dy1_dx2"
    assert len(lines) == len(Path(PUMP_INPUTS).read_text().splitlines())


def test_gradients_with_names(said: Said) -> None:
    names = ["--inputs", "flow, speed", "--outputs", "head", "--keep", "id"]
    status, out, _ = said("gradients", PUMP, "-", *names, stdin="id,speed,flow\n007,1500,20\n")
    assert status == 0
    header, row = out.splitlines()
    assert header == "id,head,dhead_dflow,dhead_dspeed"
    assert row.startswith("007,")
    y, jacobian = matnet.load(PUMP).value_and_jacobian(X[:1])
    assert [float(cell) for cell in row.split(",")[1:]] == [*y[0], *jacobian[0, 0]]


def test_predict_with_uncertain_inputs(said: Said) -> None:
    status, out, _ = said("predict", PUMP, "-", "--input-sd", "0.5,3", stdin=TEXT)
    assert (status, out.splitlines()[0]) == (0, "y1,y1_sd")
    covariance = matnet.load(PUMP).propagate(X, np.diag([0.25, 9.0]))
    np.testing.assert_allclose(table(out)[:, 1] ** 2, covariance[:, 0, 0], rtol=1e-14)


def test_a_name_with_a_comma_stands_in_quotes(said: Said) -> None:
    status, out, _ = said("predict", PUMP, "-", "--keep", '"a,b"', stdin='x1,"a,b",x2\n20,t,1500\n')
    assert (status, out.splitlines()[0]) == (0, '"a,b",y1')


def test_selected_derivatives(said: Said) -> None:
    status, out, _ = said("gradients", TWO_BY_TWO, "-", "--of", "y2", "--wrt", "x5,x1", stdin="2,7.5,50,0.5,0.01\n")
    assert (status, out.splitlines()[0]) == (0, "y2,dy2_dx5,dy2_dx1")


def test_semicolons_and_decimal_commas(said: Said) -> None:
    text = "x1;x2\n20,5;1500\n"
    status, out, _ = said("predict", PUMP, "-", "--delimiter", ";", "--decimal", ",", stdin=text)
    assert status == 0
    np.testing.assert_array_equal(table(out), matnet.load(PUMP)(np.array([[20.5, 1500.0]])))


@pytest.mark.parametrize("delimiter", ["tab", "\\t", "\t"])
def test_tabs(said: Said, delimiter: str) -> None:
    assert said("predict", PUMP, "-", "--delimiter", delimiter, stdin="x1\tx2\n20\t1500\n")[0] == 0


def test_no_header_is_said(said: Said) -> None:
    status, out, err = said("predict", PUMP, "-", stdin="20,1500\n60,2800\n")
    assert (status, err) == (
        0,
        "matnet: note: standard input: line 1 is a row of numbers, so there is no header; the columns are x1 to x2\n",
    )
    np.testing.assert_array_equal(table(out), matnet.load(PUMP)(X))


def test_inputs_by_position_are_said(said: Said) -> None:
    status, _, err = said("predict", PUMP, "-", stdin="flow,speed\n20,1500\n")
    assert (status, err) == (0, "matnet: note: standard input: the inputs are taken by position: flow, speed\n")


def test_rows_outside_the_range_are_said(said: Said) -> None:
    status, _, err = said("predict", PUMP, "-", stdin="x1,x2\n20,1500\n101,1500\n-1,9e9\n")
    assert (status, err) == (
        0,
        "matnet: warning: standard input: 2 of 3 rows lie outside the range seen in training (x1: 2, x2: 1)\n",
    )
    _, _, err = said("predict", PUMP, "-", stdin="x1,x2\n101,1500\n")
    assert err == "matnet: warning: standard input: 1 of 1 row lies outside the range seen in training (x1: 1)\n"


def test_a_bad_cell_leaves_no_file(said: Said, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    status, out, err = said("predict", PUMP, "-", "-o", str(target), stdin="x1,x2\n1,2\n3,four\n")
    assert (status, out) == (2, "")
    assert err == "matnet: standard input: line 3, column x2: 'four' is not a number\n"
    assert list(tmp_path.iterdir()) == []


def test_a_bad_cell_in_the_first_chunk_leaves_standard_output_empty(said: Said) -> None:
    status, out, _ = said("predict", PUMP, "-", stdin="x1,x2\n1,2\n3,four\n")
    assert (status, out) == (2, "")


def test_missing_cells(said: Said) -> None:
    status, _, err = said("predict", PUMP, "-", stdin="x1,x2\n1,\n")
    assert (status, err) == (
        2,
        "matnet: standard input: line 2, column x2: the cell is empty; fill it in, "
        "or have it read as NaN with --missing nan\n",
    )
    expected = (0, "y1\nNaN\n", "matnet: warning: standard input: NaN in 1 row of the result\n")
    assert said("predict", PUMP, "-", "--missing", "nan", stdin="x1,x2\n1,\n") == expected


def test_the_format_of_the_result_is_checked_before_anything_else(said: Said) -> None:
    assert said("predict", "none.mat", "none.csv", "-o", "out.ods") == (
        2,
        "",
        f"matnet: out.ods: results are not written in this format; known: {', '.join(SUFFIXES)}, or - for standard "
        "output; or choose the format with --to\n",
    )


def test_a_table_in_the_file_of_the_network(said: Said) -> None:
    from matnet.importers.arrays import read_array

    x = read_array(PUMP, "x").T
    status, out, err = said("predict", PUMP, f"{PUMP}:x")
    assert (status, err) == (0, "")
    np.testing.assert_array_equal(table(out), matnet.load(PUMP)(x))
    status, out, err = said("predict", PUMP, f"{PUMP}:x", "--samples", "rows")
    assert (status, out) == (2, "")
    assert err == (
        f"matnet: {PUMP}:x: the array is 2 by 165, expected any by 2: samples in rows; "
        "--samples columns if it has them so\n"
    )


def test_a_table_in_a_mat_file(said: Said, corpus: Path) -> None:
    file = corpus / "static_chemical_workspace.mat"
    status, out, _ = said("gradients", str(file), f"{file}:x")
    assert status == 0
    from matnet.importers.arrays import read_array

    net, x = matnet.load(file), read_array(file, "x").T
    y, jacobian = net.value_and_jacobian(x)
    np.testing.assert_array_equal(table(out), np.hstack([y, jacobian.reshape(len(x), -1)]))


def test_a_variable_that_is_not_there(said: Said) -> None:
    status, _, err = said("predict", PUMP, f"{PUMP}:none")
    assert status == 2
    assert err.startswith(f"matnet: {PUMP}: there is no variable none; found: net (network 1x1), x (double 2x165), ")


def test_a_mat_file_without_a_variable(said: Said) -> None:
    status, _, err = said("predict", PUMP, PUMP)
    assert (status, err) == (
        2,
        f"matnet: {PUMP} is a MAT-file; name the variable that holds the samples: FILE.mat:variable\n",
    )


def test_inspect(said: Said) -> None:
    status, out, err = said("inspect", PUMP)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"{PUMP}: net"
    assert lines[1].startswith("  stored    network object; toolbox version 8; MATLAB 5.0 MAT-file, ")
    assert lines[2:] == [
        "  inputs    1 Input: x1 to x2, mapminmax",
        "                x1    0 to 100",
        "                x2    1450 to 2900",
        "  layers    1 Hidden: 10 tansig, netsum(bias, dotprod of input 1)",
        "            2 Output: 1 purelin, netsum(bias, dotprod of layer 1)",
        "  outputs   1 Output: y1, mapminmax, from layer 2",
        "                y1    4.3 to 42.37",
        "  weights   41 weights and biases",
        "  training  trainlm; dividerand; best epoch 45 of 51; "
        "mse 0.002600876131 training, 0.004851153328 validation, 0.002499004329 test",
    ]


def test_inspect_as_json(said: Said) -> None:
    status, out, _ = said("inspect", "--json", PUMP, TWO_BY_TWO)
    told = json.loads(out)
    assert status == 0
    assert [entry["file"] for entry in told["networks"]] == [PUMP, TWO_BY_TWO]
    assert told["failures"] == []
    pump = told["networks"][0]
    assert pump["layers"][0] == {
        "name": "Hidden",
        "kind": "",
        "settings": {},
        "shape": [],
        "size": 10,
        "transfer": "tansig",
        "net_input": "netsum",
        "bias": True,
        "sources": [{"from": "input 1", "weight": "dotprod", "delays": [0]}],
    }
    assert pump["inputs"][0]["range"] == [[0.0, 100.0], [1450.0, 2900.0]]
    assert pump["parameters"] == len(matnet.load(PUMP).parameters)


def test_inspect_shows_the_rest_when_a_file_is_bad(said: Said, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mat"
    bad.write_bytes(b"no network")
    status, out, err = said("inspect", str(bad), PUMP)
    assert status == 2
    assert out.startswith(f"{PUMP}: net\n")
    assert err.startswith(f"matnet: {bad}: ")
    assert len(err.splitlines()) == 1
    status, out, _ = said("inspect", "--json", str(bad), PUMP)
    assert status == 2
    told = json.loads(out)
    assert [entry["file"] for entry in told["failures"]] == [str(bad)]
    assert len(told["networks"]) == 1


def test_inspect_takes_folders_and_patterns(said: Said, tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(Path(PUMP).read_bytes())
    (tmp_path / "b.mat").write_bytes(Path(TWO_BY_TWO).read_bytes())
    _, by_folder, _ = said("inspect", str(tmp_path))
    _, by_pattern, _ = said("inspect", str(tmp_path / "*.mat"))
    assert by_folder == by_pattern
    assert [line for line in by_folder.splitlines() if line[:1].strip()] == [
        f"{tmp_path / 'a.mat'}: net",
        f"{tmp_path / 'b.mat'}: net",
    ]


def test_inspect_of_a_named_network(said: Said, corpus: Path) -> None:
    file = corpus / "static_cell_of_networks.mat"
    names = list(matnet.load_all(file))
    status, out, _ = said("inspect", str(file), "--network", names[1])
    assert (status, out.splitlines()[0]) == (0, f"{file}: {names[1]}")


def test_every_network_of_the_corpus_can_be_inspected(said: Said, corpus_file: Path) -> None:
    status, out, err = said("inspect", "--json", str(corpus_file))
    told = json.loads(out)
    assert (status == 0) == (not told["failures"]) == (err == "")
    assert told["networks"] or told["failures"]
    assert said("inspect", str(corpus_file))[0] == status


def test_text_from_a_file_cannot_move_the_cursor(said: Said, tmp_path: Path) -> None:
    text = "x1,x2,\x1b[2J\n1,2,3\n"
    status, _, err = said("predict", PUMP, "-", "--inputs", "a,b", stdin=text)
    assert (status, err) == (
        2,
        "matnet: standard input: --inputs: no columns 'a', 'b' in the table; it has 'x1', 'x2', '\\x1b[2J'\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "No such command 'none'. See matnet --help"),
        (["predict"], "Missing argument 'FILE'. See matnet predict --help"),
        (["predict", PUMP], "Missing argument 'TABLE'; or give one sample with --at. See matnet predict --help"),
        (["predict", PUMP, "-", "--wrt", "x1"], "No such option"),
        (["predict", PUMP, "-", "--missing", "0"], "Invalid value for '--missing': '0' is not one of 'error', 'nan'"),
        (
            ["predict", PUMP, "-", "--inputs", "a,,b"],
            "Invalid value for '--inputs': 'a,,b' has an empty name in it; separate names with commas",
        ),
        (
            ["predict", PUMP, "-", "--input-sd", "1,b"],
            "Invalid value for '--input-sd': '1,b' is not a list of numbers separated by commas",
        ),
        (["inspect"], "Missing argument 'FILE...'. See matnet inspect --help"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(said: Said, arguments: list[str], message: str) -> None:
    status, out, err = said(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"matnet: {message}")
    assert err.endswith("--help\n")
    assert len(err.splitlines()) == 1


def test_help_lists_the_commands(said: Said) -> None:
    status, out, err = said("--help")
    assert (status, err) == (0, "")
    assert said() == (0, out, "")
    for name in COMMANDS:
        assert f"\n  {name} " in out


def test_version(said: Said) -> None:
    from importlib.metadata import version

    assert said("--version") == (0, f"matnet {version('matnet')}\n", "")


def commands() -> dict[str, click.Command]:
    context = click.Context(program, info_name="matnet")
    found = {name: program.get_command(context, name) for name in COMMANDS}
    return {name: command for name, command in found.items() if command is not None}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help(name: str) -> None:
    command = commands()[name]
    assert command.name == name
    assert command.help
    assert command.short_help
    assert command.short_help.endswith(".")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts}"
            text = re.sub(r"\s*\[default: [^\]]*\]$", "", parameter.help)
            assert text.rstrip(")").endswith((".", "..")), f"{name} {parameter.opts}"


def test_a_bug_is_70_with_a_traceback_and_where_to_report_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(arguments: list[str]) -> int:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(entry, "_invoke", broken)
    with pytest.raises(SystemExit) as raised:
        run([])
    assert raised.value.code == 70
    _, err = capsys.readouterr()
    assert err.startswith("Traceback (most recent call last):\n")
    assert err.endswith(
        "ZeroDivisionError: of ours\n"
        "matnet: this is a bug in matnet; please report the lines above in the project's issue tracker\n"
    )


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(arguments: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(entry, "_invoke", interrupted)
    assert run([]) == 130
    assert capsys.readouterr().err == "matnet: interrupted\n"
