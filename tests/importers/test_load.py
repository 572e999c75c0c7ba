"""`load` and `load_all`: which network is loaded, its remarks, and files without networks."""

from __future__ import annotations

import copy
import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from scipy.io.matlab import MatlabObject

import matnet
from matnet.errors import NoNetworkError
from matnet.importers.contents import OTHER_NETWORKS
from matnet.model.provenance import Training

Save: TypeAlias = Callable[..., Path]

SUPPORTED = (
    "supported are objects of class network, which fitnet, patternnet, feedforwardnet, narxnet and others make, the "
    "models of fitrnet and fitcnet, and SeriesNetwork, DAGNetwork and dlnetwork"
)


def cell_of(*entries: object) -> Any:
    cell = np.empty((1, len(entries)), dtype=object)
    cell[0, :] = entries
    return cell


def test_the_only_network_is_found_wherever_it_lies(small: MatlabObject, save: Save) -> None:
    for variables, path in (
        ({"net": small}, "net"),
        ({"results": {"Network": small, "x": 1.0}}, "results.Network"),
        ({"nets": cell_of(1.0, small)}, "nets{2}"),
        ({"s": {"values": cell_of({"deep": cell_of(small)})}}, "s.values{1}.deep{1}"),
    ):
        net = matnet.load(save(**variables, other=np.eye(2)))
        assert net.provenance.path == net.name == path
        assert net.input_size == 2


def test_provenance_says_where_it_came_from(small: MatlabObject, save: Save) -> None:
    file = save(net=small)
    provenance = matnet.load(file).provenance
    assert provenance.file == "net.mat"
    assert provenance.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert provenance.header == "MATLAB 5.0 MAT-file, written by scripts/make_fixtures.py of matnet"
    assert (provenance.toolbox_version, provenance.stored_as) == ("8", "network object")
    assert provenance.oddities == ()
    assert provenance.training == Training("trainlm", division="dividerand")


RECORD = {
    "trainFcn": "trainscg",
    "divideFcn": "divideblock",
    "num_epochs": 12.0,
    "best_epoch": 9.0,
    "best_perf": 0.25,
    "best_vperf": np.nan,
}


def test_the_training_record_beside_a_network_is_its_own(small: MatlabObject, save: Save) -> None:
    training = matnet.load(save(net=small, tr=RECORD)).provenance.training
    assert training is not None
    assert (training.function, training.division) == ("trainscg", "divideblock")
    assert (training.epochs, training.best_epoch) == (12, 9)
    assert training.best_performance[0] == 0.25
    assert np.isnan(training.best_performance[1] or 0.0)
    assert training.best_performance[2] is None


def test_a_record_that_may_be_another_networks_is_left_alone(small: MatlabObject, save: Save) -> None:
    for variables in (
        {"net": small, "net2": small, "tr": RECORD},
        {"net": small, "tr": RECORD, "tr2": RECORD},
        {"net": small, "s": {"tr": RECORD}},
    ):
        training = matnet.load(save(**variables), "net").provenance.training
        assert training == Training("trainlm", division="dividerand")


def test_a_copy_of_the_network_within_a_training_record_is_not_another_network(small: MatlabObject, save: Save) -> None:
    assert list(matnet.load_all(save(net=small, tr={**RECORD, "window": {"Net": small}}))) == ["net"]


def test_what_is_not_finite_is_loaded_only_where_that_is_allowed(small: MatlabObject, save: Save) -> None:
    changed = copy.deepcopy(small)
    changed["b"][0, 0][0, 0][0, 0] = np.inf
    file = save(net=changed)
    for load in (matnet.load, matnet.load_all):
        with pytest.raises(matnet.MatnetError, match=r"net\.b\{1\}: values that are NaN or Inf; allow_nonfinite=True"):
            load(file)
    bias = matnet.load(file, allow_nonfinite=True).structure.layers[0].bias
    assert bias is not None
    assert np.isinf(bias).any()
    assert list(matnet.load_all(file, allow_nonfinite=True)) == ["net"]


def test_several_networks_must_be_named(small: MatlabObject, save: Save) -> None:
    file = save(a=small, nets=cell_of(small, small))
    with pytest.raises(matnet.FormatError) as refused:
        matnet.load(file)
    expected = f"{file}: 3 networks in it: a, nets{{1}}, nets{{2}}; name one, e.g. network='a'"
    assert str(refused.value) == expected
    assert matnet.load(file, "nets{2}").provenance.path == "nets{2}"
    assert matnet.load(file, network=" nets { 1 } ").input_size == 2
    assert list(matnet.load_all(file)) == ["a", "nets{1}", "nets{2}"]


NAMED_WRONGLY = {
    "b": "there is no variable b; found: net (network 1x1), s (struct 1x1), x (double 2x3)",
    "x": "x is a double 2x3, not a network; networks in the file: net",
    "s": "s is a struct 1x1, not a network; networks in the file: net",
    "s.b": "s: no field b; it has a",
    "s.a.b": "s.a: a cell 1x1: it has no field b",
    "s.a{2}": "s.a: 1x1: it has no element 2",
    "s.a{1,1,1}": "s.a: 1x1: it has no element 1,1,1",
    "s.a{0}": "s.a: 1x1: it has no element 0",
    "s{1}": "s: a struct 1x1, not a cell: {1} leads nowhere",
    "x(1)": "x: a double 2x3: (1) does not lead to a usable value",
    "net.": "cannot parse 'net.' after 'net'; expected .field, {3} or (2)",
    "net;exit": "cannot parse 'net;exit' after 'net'; expected .field, {3} or (2)",
    "": "'' is not a valid path; expected e.g. results.Network, nets{3} or s(2).net",
}


@pytest.mark.parametrize("path", NAMED_WRONGLY)
def test_a_path_that_leads_to_no_network_says_how_far_it_leads(small: MatlabObject, save: Save, path: str) -> None:
    file = save(net=small, s={"a": cell_of(1.0)}, x=np.ones((2, 3)))
    with pytest.raises(matnet.FormatError) as refused:
        matnet.load(file, path)
    assert str(refused.value) == f"{file}: {NAMED_WRONGLY[path]}"


def test_no_network_lists_what_is_there(save: Save) -> None:
    file = save(x=np.ones((2, 3)), s={"a": 1.0}, text="abc")
    with pytest.raises(matnet.FormatError) as refused:
        matnet.load(file)
    found = "x (double 2x3), s (struct 1x1), text (char 1x3)"
    assert str(refused.value) == f"{file}: no network in it; found: {found}; {SUPPORTED}"


TEMPLATE = ": layers before training, without weights; save the trained network that trainnet or trainNetwork returns"


@pytest.mark.parametrize("name", sorted(OTHER_NETWORKS))
def test_networks_of_other_toolboxes_are_named(save: Save, name: str) -> None:
    file = save(deep=MatlabObject(np.array([[(1.0,)]], dtype=[("Layers", object)]), name))
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.load(file)
    what = TEMPLATE if name.startswith("nnet.") else f"; {SUPPORTED}"
    assert str(refused.value) == f"{file}: deep is a {name}{what}"


REFUSED_REAL = {
    "refuse_unconfigured.mat": (
        "net.inputs{1}: size is 0: the network was never configured (train or configure it before saving)"
    ),
    "refuse_user_class.mat": f"no network in it; found: nn (Full_NN 1x1); {SUPPORTED}",
}


@pytest.mark.parametrize("name", REFUSED_REAL)
def test_real_files_without_a_network_that_can_be_loaded(corpus: Path, name: str) -> None:
    with pytest.raises(matnet.MatnetError) as refused:
        matnet.load(corpus / name)
    assert str(refused.value) == f"{corpus / name}: {REFUSED_REAL[name]}"


def test_all_refused_real_files_are_listed_here(corpus: Path) -> None:
    # named before there were networks of layers; it opens now
    opens = {"refuse_series_network.mat"}
    assert {path.name for path in corpus.glob("refuse_*")} - opens == set(REFUSED_REAL)


NO_MAT_FILE = {
    "empty": (b"", "not a MAT-file: it is empty"),
    "text": (b"x,y\n1,2\n", "not a MAT-file: it begins with b'x,y\\n1,2\\n'"),
    "other bytes": (b"\3\4" + bytes(600), "not a MAT-file: it begins with " + repr(b"\3\4" + bytes(14))),
    "cut": (b"MATLAB 5.0 MAT-file, Platform", "a MAT-file that is cut off within its header"),
    "level 4": (
        b"".join(number.to_bytes(4, "little") for number in (0, 1, 1, 0, 2)) + b"x\0" + bytes(8),
        "a version 4 MAT-file; save it with -v7 instead",
    ),
}


@pytest.mark.parametrize("case", NO_MAT_FILE)
def test_other_files_are_refused(tmp_path: Path, case: str) -> None:
    content, message = NO_MAT_FILE[case]
    file = tmp_path / "net.mat"
    file.write_bytes(content)
    with pytest.raises((matnet.FormatError, matnet.UnsupportedError)) as refused:
        matnet.load(file)
    assert str(refused.value) == f"{file}: {message}"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
@pytest.mark.parametrize("suffix", ["mat", "m", "json"])
def test_a_pipe_is_refused_before_anything_is_read_of_it(suffix: str, tmp_path: Path) -> None:
    """It would wait for ever: nobody writes to it."""
    path = tmp_path / f"net.{suffix}"
    os.mkfifo(path)
    with pytest.raises(matnet.FormatError) as raised:
        matnet.load(path)
    message = "is a pipe or a device, expected a file; save what comes through it to one first"
    assert str(raised.value) == f"{path}: {message}"


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path / "none.mat", "cannot be read: No such file or directory"),
        (tmp_path, "is a folder, expected a file"),
    ):
        with pytest.raises(matnet.FormatError) as refused:
            matnet.load(path)
        assert str(refused.value) == f"{path}: {message}"


def test_a_file_larger_than_the_limit_is_refused_unread(small: MatlabObject, save: Save) -> None:
    file = save(net=small)
    with pytest.raises(matnet.FormatError) as refused:
        matnet.load(file, limit=1000)
    assert (
        str(refused.value) == f"{file}: the file needs more than 1000 bytes of memory; raise the limit if you trust it"
    )


def test_a_folder_and_a_glob_give_every_file_its_name(small: MatlabObject, save: Save, tmp_path: Path) -> None:
    save("one.mat", net=small)
    save("two.mat", a=small, b={"net": small})
    save("data.mat", x=np.ones(3))
    (tmp_path / "notes.txt").write_text("no network")
    assert list(matnet.load_all(tmp_path)) == ["one.mat:net", "two.mat:a", "two.mat:b.net"]
    assert list(matnet.load_all(f"{tmp_path}/t*.mat")) == ["two.mat:a", "two.mat:b.net"]
    assert list(matnet.load_all(tmp_path / "one.mat")) == ["net"]


def test_a_folder_without_networks_is_refused(save: Save, tmp_path: Path) -> None:
    with pytest.raises(matnet.FormatError) as refused:
        matnet.load_all(tmp_path)
    assert str(refused.value) == f"{tmp_path}: no file with the suffix .mat, .m, .json"
    save("data.mat", x=np.ones(3))
    with pytest.raises(NoNetworkError) as none:
        matnet.load_all(tmp_path)
    assert str(none.value) == f"{tmp_path}: no network in any of its files"


def test_a_network_in_a_folder_that_cannot_be_loaded_is_an_error(
    small: MatlabObject, save: Save, tmp_path: Path
) -> None:
    save("good.mat", net=small)
    small["layers"][0, 0][0, 0]["transferFcn"] = "mytf"
    bad = save("bad.mat", net=small)
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.load_all(tmp_path)
    assert str(refused.value).startswith(f"{bad}: net.layers{{1}}.transferFcn: unknown transfer function 'mytf'")


def test_of_two_networks_one_has_to_be_named(small: MatlabObject, save: Save) -> None:
    file = save(a=small, b=small)
    with pytest.raises(matnet.FormatError) as refused:
        matnet.load(file)
    assert str(refused.value) == f"{file}: 2 networks in it: a, b; name one, e.g. network='a'"
    assert matnet.load(file, network=" b ").provenance.path == "b"


def test_if_no_network_is_left_the_first_error_is_raised(small: MatlabObject, save: Save, tmp_path: Path) -> None:
    broken = [copy.deepcopy(small) for _ in range(3)]
    for number, net in enumerate(broken):
        net["layers"][0, 0][0, 0]["transferFcn"] = f"mine{number}"
    file = save("first.mat", a=broken[0], b=broken[1])
    save("second.mat", c=broken[2])
    for path in (file, tmp_path):
        with pytest.raises(matnet.UnsupportedError) as refused:
            matnet.load_all(path, on_error="skip")
        assert str(refused.value).startswith(f"{file}: a.layers{{1}}.transferFcn: unknown transfer function 'mine0'")
    file.unlink()
    with pytest.raises(matnet.UnsupportedError, match="unknown transfer function 'mine2'"):
        matnet.load_all(tmp_path, on_error="skip")


def test_networks_that_cannot_be_loaded_can_be_left_out(small: MatlabObject, save: Save, tmp_path: Path) -> None:
    broken = copy.deepcopy(small)
    broken["layers"][0, 0][0, 0]["transferFcn"] = "mytf"
    reason = "unknown transfer function 'mytf'; known: "
    file = save("one.mat", net=small, template=broken, net2=small)
    save("two.mat", net=broken)
    (tmp_path / "three.mat").write_bytes(b"<html><body>not found</body></html>")
    left_out: list[str] = []
    assert list(matnet.load_all(file, on_error="skip")) == ["net", "net2"]
    assert list(matnet.load_all(file, on_error=lambda error: left_out.append(str(error)))) == ["net", "net2"]
    assert [message.partition(reason)[0] for message in left_out] == [f"{file}: template.layers{{1}}.transferFcn: "]
    left_out.clear()
    nets = matnet.load_all(tmp_path, on_error=lambda error: left_out.append(str(error)))
    assert list(nets) == ["one.mat:net", "one.mat:net2"]
    assert [message.partition(reason)[0] for message in left_out] == [
        f"{file}: template.layers{{1}}.transferFcn: ",
        f"{tmp_path / 'three.mat'}: not a MAT-file: it is a web page: the download gave the page around the file; "
        "download the file itself (its raw link)",
        f"{tmp_path / 'two.mat'}: net.layers{{1}}.transferFcn: ",
    ]


def test_where_nothing_can_be_loaded_the_first_error_is_raised(small: MatlabObject, save: Save, tmp_path: Path) -> None:
    small["layers"][0, 0][0, 0]["transferFcn"] = "mytf"
    file = save("a.mat", net=small, net2=small)
    save("b.mat", net=small)
    left_out: list[matnet.MatnetError] = []
    for path in (file, tmp_path):
        with pytest.raises(matnet.UnsupportedError) as refused:
            matnet.load_all(path, on_error=left_out.append)
        assert str(refused.value).startswith(f"{file}: net.layers{{1}}.transferFcn: unknown transfer function 'mytf'")
        assert left_out == []


def test_a_value_nested_without_end_beside_the_network_does_no_harm(small: MatlabObject, save: Save) -> None:
    tree: Any = 1.0
    for _ in range(90):
        tree = {"next": tree}
    assert list(matnet.load_all(save(net=small, tree=tree))) == ["net"]


SAVE = "in MATLAB, save the network with save('net.mat', 'net') and open that file"
FOREIGN = {
    "a large-file pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n",
        "a Git LFS pointer, which stands for a file that was not downloaded; run git lfs pull, or download the file "
        "itself",
    ),
    "a web page": (
        b"\n<!DOCTYPE html>\n<html>",
        "a web page: the download gave the page around the file; download the file itself (its raw link)",
    ),
    "a pickle": (b"\x80\4abc", f"a Python pickle, which is never opened; {SAVE}"),
    "gzip": (b"\x1f\x8b\x08", "a file packed with gzip; unpack it first"),
}
ZIPPED = {
    "a Simulink model": (
        "simulink/blockdiagram.xml",
        "a Simulink model (.slx); save the network that it was made from: save('net.mat', 'net')",
    ),
    "an app": ("appdesigner/appModel.mat", f"an app of MATLAB's App Designer (.mlapp); {SAVE}"),
    "a live script": ("matlab/document.xml", f"a live script of MATLAB (.mlx); {SAVE}"),
    "a workbook": ("xl/workbook.xml", f"an Excel workbook (.xlsx); {SAVE}"),
    "a model of PyTorch": ("archive/data.pkl", f"a model saved by PyTorch; {SAVE}"),
    "arrays of NumPy": ("x.npy", f"arrays saved by NumPy (.npz); {SAVE}"),
    "an archive": ("a/net.mat", "a zip archive with 'a/net.mat' in it; unpack it first and open that file"),
    "another archive": ("readme.txt", f"a zip archive; {SAVE}"),
}


@pytest.mark.parametrize("suffix", [".mat", ".m", ".json", ".slx"])
@pytest.mark.parametrize("case", [*FOREIGN, *ZIPPED])
def test_what_is_something_else_says_what_it_is(tmp_path: Path, case: str, suffix: str) -> None:
    file = tmp_path / f"net{suffix}"
    if case in FOREIGN:
        content, words = FOREIGN[case]
        file.write_bytes(content)
    else:
        member, words = ZIPPED[case]
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("[Content_Types].xml", "")
            archive.writestr(member, "")
    with pytest.raises(matnet.FormatError) as refused:
        matnet.load(file)
    kind = "it is" if suffix in (".m", ".json") else "not a MAT-file: it is"
    assert str(refused.value) == f"{file}: {kind} {words}"


def test_a_zip_archive_that_is_broken_is_named_as_one(tmp_path: Path) -> None:
    file = tmp_path / "net.mat"
    file.write_bytes(b"PK\3\4" + bytes(100))
    with pytest.raises(matnet.FormatError) as refused:
        matnet.load(file)
    assert str(refused.value) == f"{file}: not a MAT-file: it is a zip archive; {SAVE}"


def test_a_path_makes_no_sense_for_a_file_of_one_network(tmp_path: Path) -> None:
    with pytest.raises(matnet.FormatError) as refused:
        matnet.load(tmp_path / "net.m", "net")
    assert str(refused.value) == (
        f"{tmp_path / 'net.m'}: holds a single network, which has no path in it; got network='net'"
    )


def test_loading_needs_no_scipy_io(small: MatlabObject, save: Save) -> None:
    file = save(net=small)
    code = f"import sys, matnet; matnet.load({str(file)!r}); print('scipy.io' in sys.modules, 'h5py' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False"]
