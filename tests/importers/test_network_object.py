"""MATLAB's network object: what is read of it, and every contradiction that is refused, with its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import scipy.sparse
from scipy.io.matlab import MatlabObject

import matnet
from fitted_models import handle
from matnet.errors import NoNetworkError
from matnet.functions.net_input import NET_INPUT
from matnet.functions.processing import PROCESSING
from matnet.functions.transfer import TRANSFER
from matnet.functions.weight import WEIGHT
from matnet.model.structure import Performance
from network_object import removeconstantrows
from object_files import ObjectStore, Reference, string, write_objects

Save: TypeAlias = Callable[..., Path]


def field(net: Any, name: str) -> Any:
    return net[name][0, 0]


def put(net: Any, name: str, value: object) -> Any:
    net[name][0, 0] = value
    return net


def part(net: Any, name: str, row: int = 0, column: int = 0) -> Any:
    """A subobject, counted from 0: its dict can be edited."""
    return field(net, name)[row, column]


def settings(net: Any, name: str = "inputs", column: int = 0) -> Any:
    return part(net, name, 0, column)["processSettings"][0, 0]


def without(net: Any, *names: str) -> MatlabObject:
    """The object without some of its fields, as older toolboxes saved it."""
    kept = [name for name in net.dtype.names if name not in names]
    record = np.empty((1, 1), dtype=[(name, object) for name in kept])
    for name in kept:
        record[name][0, 0] = field(net, name)
    return MatlabObject(record, net.classname)


def struct_array(count: int) -> Any:
    """A 1-by-n struct array."""
    return np.array([[(float(k),) for k in range(count)]], dtype=[("a", object)])


def test_sizes_functions_and_weights_are_those_saved(small: MatlabObject, save: Save) -> None:
    structure = matnet.load(save(net=small)).structure
    assert [entry.size for entry in structure.inputs] == [2]
    assert [(layer.size, layer.transfer, layer.net_input) for layer in structure.layers] == [
        (3, "tansig", "netsum"),
        (1, "purelin", "netsum"),
    ]
    first, second = structure.layers
    assert first.input_weights[0].value.tolist() == [[0.5, -0.5], [1.5, 0.25], [-1.0, 2.0]]
    assert first.bias is not None
    assert first.bias.tolist() == [0.1, 0.2, 0.3]
    assert second.layer_weights[0].value.tolist() == [[0.75, -0.125, 0.0625]]
    assert structure.outputs[0].layer == 1
    assert structure.inputs[0].range is not None
    assert structure.inputs[0].range.tolist() == [[0.0, 4.0], [-2.0, 1.0]]
    assert structure.performance == Performance("mse")


def test_a_plain_struct_with_the_fields_is_a_network(small: MatlabObject, save: Save) -> None:
    as_struct = {name: field(small, name) for name in small.dtype.names}
    loaded = matnet.load(save(s=as_struct))
    assert loaded.provenance.stored_as == "struct"
    assert loaded.provenance.path == "s"
    x = np.array([[0.3, -1.0], [2.0, 0.0]])
    assert (loaded(x) == matnet.load(save(net=small))(x)).all()


TELLING = ("numInputs", "numLayers", "layers", "IW", "LW", "b")


ALWAYS = (
    *(*TELLING, "biasConnect", "biases", "inputConnect", "inputs", "inputWeights"),
    *("layerConnect", "layerWeights", "numOutputs", "outputConnect", "outputs"),
)


def test_a_plain_struct_is_a_network_by_six_fields(small: MatlabObject, save: Save) -> None:
    """With all of them it is one, if an incomplete one; without two of a network's it is a struct of the user's own."""
    file = save(s={name: field(small, name) for name in TELLING})
    with pytest.raises(matnet.ModelError) as refused:
        matnet.load(file)
    assert str(refused.value) == f"{file}: s.inputs: missing, expected a 1x1 cell"
    for left_out in TELLING:
        lost = {left_out, "outputs"}
        file = save(s={name: field(small, name) for name in small.dtype.names if name not in lost})
        with pytest.raises(NoNetworkError):
            matnet.load(file)


@pytest.mark.parametrize("lost", ALWAYS)
def test_a_struct_without_one_field_of_a_network_is_a_damaged_network(
    lost: str, small: MatlabObject, save: Save
) -> None:
    """It must not disappear from among others."""
    fields = {name: field(small, name) for name in small.dtype.names if name != lost}
    file = save(other=small, s=fields)
    if lost == "biases" or lost == "numOutputs":
        assert list(matnet.load_all(file)) == ["other", "s"]
        return
    with pytest.raises(matnet.ModelError) as refused:
        matnet.load_all(file)
    assert str(refused.value).startswith(f"{file}: s.{lost}: missing")


def test_an_object_of_another_class_with_the_fields_of_a_network_is_a_damaged_one(
    small: MatlabObject, save: Save
) -> None:
    """One bit in the name of its class must not take a network out of an ensemble."""
    nets = np.empty((1, 2), dtype=object)
    nets[0, 0], nets[0, 1] = small, MatlabObject(small, "netsork")
    file = save(nets=nets)
    with pytest.raises(matnet.ModelError) as refused:
        matnet.load_all(file)
    assert str(refused.value) == (
        f"{file}: nets{{2}}: an object of class netsork, not network, with its fields: the file is damaged"
    )


def test_a_newer_object_of_another_class_with_the_fields_of_a_network_is_a_damaged_one(
    small: MatlabObject, save: Save, tmp_path: Path
) -> None:
    """A property or field of the same name is a network only in an object of its class, or in a user's own struct."""
    fields = {key: field(small, key) for key in small.dtype.names}
    x = [0.3, -1.0]
    expected = matnet.load(save(s={"any": fields}))(x)
    store = ObjectStore()
    file = write_objects(tmp_path / "new.mat", store, {"net": store.new("network", {"any": fields})})
    assert list(matnet.load_all(file)) == ["net"]
    assert matnet.load(file)(x) == expected
    assert matnet.load(file, network="net.any")(x) == expected
    store = ObjectStore()
    file = write_objects(tmp_path / "damaged.mat", store, {"net": store.new("netsork", {"any": fields})})
    with pytest.raises(matnet.ModelError) as refused:
        matnet.load_all(file)
    assert str(refused.value) == (
        f"{file}: net: an object of class netsork, not network, with its fields: the file is damaged"
    )


def test_a_struct_array_with_the_fields_holds_networks(small: MatlabObject, save: Save) -> None:
    both = np.empty((1, 2), dtype=[(name, object) for name in small.dtype.names])
    for name in small.dtype.names:
        both[name][0, 0] = both[name][0, 1] = field(small, name)
    assert list(matnet.load_all(save(s=both))) == ["s(1)", "s(2)"]


def test_whole_numbers_and_sparse_weights_are_pointed_out_and_read_alike(small: MatlabObject, save: Save) -> None:
    field(small, "IW")[0, 0] = np.array([[1.0, 0.0], [0.0, 300.0], [-2.0, 0.0]])
    dense = matnet.load(save(net=small))
    field(small, "IW")[0, 0] = scipy.sparse.csc_matrix(field(small, "IW")[0, 0])
    sparse = matnet.load(save("sparse.mat", net=small))
    assert sparse.provenance.oddities == ("sparse weights: net.IW{1,1}",)
    x = np.array([[0.3, -1.0], [2.0, 0.0]])
    assert (sparse(x) == dense(x)).all()


def test_unconfirmed_rules_in_use_are_pointed_out(small: MatlabObject, save: Save) -> None:
    part(small, "layers")["transferFcn"] = "netinv"
    remark = TRANSFER["netinv"].unconfirmed
    assert remark
    assert matnet.load(save(net=small)).provenance.oddities == (
        f"netinv: not confirmed by numbers from MATLAB: {remark}",
    )


def test_the_layout_of_2006_has_no_processing(small: MatlabObject, save: Save) -> None:
    for place, name in ((part(small, "inputs"), "inputs"), (part(small, "outputs", 0, 1), "outputs")):
        for key in [key for key in place if key not in ("size", "range", "userdata")]:
            del place[key]
        assert set(place) == {"size", "range", "userdata"}, name
    old = without(small, "version", "name", "performParam", "numFeedbackDelays", "divideFcn", "trainFcn")
    loaded = matnet.load(save(net=old))
    assert loaded.provenance.toolbox_version == ""
    assert loaded.structure.inputs[0].processing == ()
    assert loaded.provenance.oddities == (
        "net.inputs{1} has no processing fields (saved by a toolbox that had none): none is applied",
        "net.outputs{2} has no processing fields (saved by a toolbox that had none): none is applied",
    )
    x = np.array([0.3, -1.0])
    h = np.tanh(np.array([0.1, 0.2, 0.3]) + field(small, "IW")[0, 0] @ x)
    np.testing.assert_allclose(loaded(x), field(small, "LW")[1, 0] @ h + 0.4, rtol=1e-15)


def test_settings_without_gain_and_offset_are_those_of_version_7(small: MatlabObject, save: Save) -> None:
    x = np.array([[0.3, -1.0], [2.0, 0.0], [9.0, 9.0]])
    newer = matnet.load(save(net=small))(x)
    for place in (settings(small), settings(small, "outputs", 1)):
        for key in ("gain", "xoffset", "no_change"):
            del place[key]
    put(small, "version", "7")
    older = matnet.load(save("older.mat", net=small))
    assert older.provenance.toolbox_version == "7"
    np.testing.assert_allclose(older(x), newer, rtol=1e-15)


@pytest.mark.parametrize(
    ("function", "parameters", "expected"),
    [
        ("mse", {"regularization": 0.25, "normalization": "none"}, Performance("mse", 0.25)),
        ("mse", {"squaredWeighting": 1.0}, Performance("mse")),
        ("mse", {"squaredWeighting": 0.0}, Performance("mse", 0.0, "performParam.squaredWeighting")),
        ("sse", {"normalization": "percent"}, Performance("sse", 0.0, "performParam.normalization")),
        ("mse", {"regularization": 2.0}, Performance("mse", 0.0, "performParam.regularization of 2.0")),
        ("mse", {"regularization": 1.0}, Performance("mse", 1.0)),
        ("mse", {"regularization": -0.5}, Performance("mse", 0.0, "performParam.regularization of -0.5")),
        ("mse", {"squaredWeighting": [1.0, 1.0]}, Performance("mse", 0.0, "performParam.squaredWeighting")),
        ("mse", {"squaredWeighting": "yes"}, Performance("mse", 0.0, "performParam.squaredWeighting")),
        ("mse", {"normalization": 1.0}, Performance("mse", 0.0, "performParam.normalization")),
        ("mse", struct_array(2), Performance("mse", 0.0, "performParam is a struct 1x2, expected a struct")),
        ("mse", {"mystery": 1.0}, Performance("mse", 0.0, "performParam.mystery")),
        ("mse", 3.0, Performance("mse", 0.0, "performParam is a double 1x1, expected a struct")),
        ("msereg", {"ratio": 0.75}, Performance("mse", 0.25)),
        ("msereg", {"ratio": 0.0}, Performance("mse", 1.0)),
        ("msereg", {"ratio": 1.0}, Performance("mse", 0.0)),
        ("msereg", {"ratio": -0.5}, Performance("msereg", 0.0, "performParam.ratio of -0.5")),
        ("msereg", {"ratio": 7.0}, Performance("msereg", 0.0, "performParam.ratio of 7.0")),
        ("msereg", {"ratio": 1.5}, Performance("msereg", 0.0, "performParam.ratio of 1.5")),
        ("msereg", {"other": 7.0}, Performance("msereg", 0.0, "performParam.ratio is missing")),
    ],
)
def test_performance(small: MatlabObject, save: Save, function: str, parameters: object, expected: Performance) -> None:
    put(small, "performFcn", function)
    put(small, "performParam", parameters)
    assert matnet.load(save(net=small)).structure.performance == expected


def open_loop(net: Any) -> Any:
    """The small network as an open loop: its second input carries the output back."""
    fed_back = dict(part(net, "outputs", 0, 1), name="Input2", feedbackOutput=2.0)
    inputs, connect = np.empty((2, 1), dtype=object), np.array([[True, True], [False, False]])
    inputs[0, 0], inputs[1, 0] = part(net, "inputs"), fed_back
    weights, values = np.empty((2, 2), dtype=object), np.empty((2, 2), dtype=object)
    for place in np.ndindex(2, 2):
        weights[place] = values[place] = np.zeros((0, 0))
    weights[0, 0], values[0, 0] = part(net, "inputWeights"), field(net, "IW")[0, 0]
    weights[0, 1] = dict(weights[0, 0], delays=np.array([[1.0, 3.0]]))
    values[0, 1] = np.arange(6.0).reshape(3, 2) + 0.5
    for name, value in {
        "numInputs": 2.0,
        "numInputDelays": 3.0,
        "inputs": inputs,
        "inputConnect": connect,
        "inputWeights": weights,
        "IW": values,
    }.items():
        put(net, name, value)
    part(net, "outputs", 0, 1).update(feedbackMode="open", feedbackInput=2.0, feedbackDelay=0.0)
    return net


def test_an_open_loop_names_its_feedback_among_inputs_and_outputs(small: MatlabObject, save: Save) -> None:
    open_loop(small)
    structure = matnet.load(save(net=small)).structure
    assert [entry.feedback_output for entry in structure.inputs] == [None, 0]
    assert (structure.outputs[0].feedback_mode, structure.outputs[0].feedback_input) == ("open", 1)
    assert structure.layers[0].input_weights[1].delays == (1, 3)
    assert structure.dynamic


def test_the_first_input_may_be_the_one_that_carries_an_output_back(small: MatlabObject, save: Save) -> None:
    """Its range of 0 to 1 is that of the output, and no sign of scaling outside the network."""
    bare = np.empty((1, 0), dtype=object)
    own = part(small, "inputs")
    own.update(size=1.0, feedbackOutput=2.0, range=np.array([[0.0, 1.0]]), processedSize=1.0)
    own.update(processFcns=bare, processParams=bare, processSettings=bare, processedRange=np.array([[0.0, 1.0]]))
    field(small, "IW")[0, 0] = np.array([[0.5], [1.5], [-1.0]])
    part(small, "inputWeights").update(size=np.array([[3.0, 1.0]]), delays=2.0)
    put(small, "numInputDelays", 2.0)
    part(small, "outputs", 0, 1).update(feedbackMode="open", feedbackInput=1.0, feedbackDelay=0.0)
    loaded = matnet.load(save(net=small))
    assert (loaded.structure.inputs[0].feedback_output, loaded.structure.outputs[0].feedback_input) == (0, 0)
    assert loaded.provenance.oddities == ()


def test_fields_that_an_older_toolbox_did_not_write_mean_no_feedback(small: MatlabObject, save: Save) -> None:
    """Version 6 has processing and no feedback; processParams came later than processFcns."""
    put(small, "version", "6")
    expected = matnet.load(save(net=small))([0.3, -1.0])
    for place in (part(small, "inputs"), part(small, "outputs", 0, 1)):
        for name in ("feedbackOutput", "feedbackInput", "feedbackMode", "feedbackDelay", "processParams"):
            place.pop(name, None)
    loaded = matnet.load(save("older.mat", net=small))
    output = loaded.structure.outputs[0]
    assert (output.feedback_mode, output.feedback_input, output.feedback_delay) == ("none", None, 0)
    assert loaded.structure.inputs[0].feedback_output is None
    assert loaded([0.3, -1.0]) == expected


Edit = Callable[[Any], object]


def names(table: Mapping[str, Any]) -> str:
    """The functions of a table that the class `network` has."""
    return ", ".join(sorted(name for name, row in table.items() if getattr(row, "shallow", True)))


REFUSED: dict[str, tuple[Edit, str]] = {
    "an unknown transfer function": (
        lambda net: part(net, "layers", 1).update(transferFcn="mytf"),
        "net.layers{2}.transferFcn: unknown transfer function 'mytf'; known: " + names(TRANSFER),
    ),
    "a user's own relu": (
        lambda net: part(net, "layers", 1).update(transferFcn="relu"),
        "net.layers{2}.transferFcn: unknown transfer function 'relu'; known: " + names(TRANSFER),
    ),
    "a user's own standardize": (
        lambda net: part(net, "inputs")["processFcns"].__setitem__((0, 0), "standardize"),
        "net.inputs{1}.processFcns{1}: unknown processing function 'standardize'; known: " + names(PROCESSING),
    ),
    "an unknown net input function": (
        lambda net: part(net, "layers", 0).update(netInputFcn="netmax"),
        "net.layers{1}.netInputFcn: unknown net input function 'netmax'; known: " + names(NET_INPUT),
    ),
    "an unknown weight function": (
        lambda net: part(net, "layerWeights", 1, 0).update(weightFcn="myweight"),
        "net.layerWeights{2,1}: unknown weight function 'myweight'; known: " + names(WEIGHT),
    ),
    "convwf": (
        lambda net: part(net, "inputWeights").update(weightFcn="convwf"),
        "net.inputWeights{1,1}: weight function 'convwf' is not supported: the orientation of its kernel is not known "
        "for certain",
    ),
    "linkdist": (
        lambda net: part(net, "inputWeights").update(weightFcn="linkdist"),
        "net.inputWeights{1,1}: weight function 'linkdist' is not supported: it is a layer's distance function, not a "
        "weight function",
    ),
    "an unknown processing function": (
        lambda net: part(net, "inputs")["processFcns"].__setitem__((0, 0), "myscale"),
        "net.inputs{1}.processFcns{1}: unknown processing function 'myscale'; known: " + names(PROCESSING),
    ),
    "a transfer function that is not text": (
        lambda net: part(net, "layers").update(transferFcn=3.0),
        "net.layers{1}.transferFcn: a double 1x1, expected one line of text",
    ),
    "a transfer function with parameters": (
        lambda net: part(net, "layers").update(transferParam={"alpha": 2.0}),
        "net.layers{1}.transferParam: not empty (struct 1x1); functions with parameters are not supported",
    ),
    "a weight of the wrong width": (
        lambda net: field(net, "IW").__setitem__((0, 0), np.zeros((3, 3))),
        "net: IW{1,1}: 3 by 3, expected 3 by 2 (3 neurons, 2 elements, 1 delay)",
    ),
    "a weight missing": (
        lambda net: field(net, "LW").__setitem__((1, 0), np.zeros((0, 0))),
        "net.LW{2,1}: missing or empty, expected numbers",
    ),
    "a weight that nothing connects": (
        lambda net: field(net, "LW").__setitem__((0, 1), np.ones((3, 1))),
        "net.LW{1,2}: values, but layerConnect says that there is no such connection",
    ),
    "a bias missing": (
        lambda net: field(net, "b").__setitem__((0, 0), np.zeros((0, 0))),
        "net.b{1}: missing or empty, expected numbers",
    ),
    "a bias that nothing connects": (
        lambda net: put(net, "biasConnect", np.array([[True], [False]])),
        "net.b{2}: values, but biasConnect says that there is no such connection",
    ),
    "a bias of the wrong length": (
        lambda net: field(net, "b").__setitem__((0, 0), np.ones((2, 1))),
        "net.layers{1}: the bias has shape (2,), expected (3,)",
    ),
    "a bias that lies": (
        lambda net: field(net, "b").__setitem__((0, 0), np.ones((1, 3))),
        "net.b{1}: 1x3, expected one column",
    ),
    "a weight that is NaN": (
        lambda net: field(net, "IW")[0, 0].__setitem__((0, 0), np.nan),
        "net.IW{1,1}: values that are NaN or Inf; allow_nonfinite=True loads them as they are",
    ),
    "a complex weight": (
        lambda net: field(net, "IW").__setitem__((0, 0), np.full((3, 2), 1j)),
        "net.IW{1,1}: complex numbers, expected real ones",
    ),
    "a weight that is text": (
        lambda net: field(net, "IW").__setitem__((0, 0), "abc"),
        "net.IW{1,1}: a char 1x3, expected numbers",
    ),
    "a weight of three dimensions": (
        lambda net: field(net, "IW").__setitem__((0, 0), np.ones((3, 2, 2))),
        "net.IW{1,1}: 3 dimensions, expected a matrix",
    ),
    "a cell of weights of another size": (
        lambda net: put(net, "LW", field(net, "LW")[:1]),
        "net.LW: a cell 1x2, expected a 2x2 cell",
    ),
    "a connection that is neither 0 nor 1": (
        lambda net: put(net, "layerConnect", np.array([[0.0, 0.0], [2.0, 0.0]])),
        "net.layerConnect: numbers other than 0 and 1",
    ),
    "connections of another size": (
        lambda net: put(net, "inputConnect", np.array([[True]])),
        "net.inputConnect: 1x1, expected 2x1 by the numbers of inputs and layers",
    ),
    "a loop without delay": (
        lambda net: (
            put(net, "layerConnect", np.array([[False, True], [True, False]])),
            field(net, "LW").__setitem__((0, 1), np.ones((3, 1))),
            field(net, "layerWeights").__setitem__((0, 1), part(net, "layerWeights", 1, 0)),
        ),
        "net: layers 1, 2 form a loop without delay",
    ),
    "a negative delay": (
        lambda net: part(net, "inputWeights").update(delays=-1.0),
        "net.inputWeights{1,1}: delays must be non-negative integers in increasing order, got [-1]",
    ),
    "a repeated delay": (
        lambda net: (
            part(net, "inputWeights").update(delays=np.array([[1.0, 1.0]])),
            field(net, "IW").__setitem__((0, 0), np.ones((3, 4))),
        ),
        "net.inputWeights{1,1}: delays must be non-negative integers in increasing order, got [1, 1]",
    ),
    "a delay that is not whole": (
        lambda net: part(net, "inputWeights").update(delays=0.5),
        "net.inputWeights{1,1}.delays: delays must be non-negative integers in increasing order, got [0.5]",
    ),
    "no delay at all": (
        lambda net: part(net, "inputWeights").update(delays=np.zeros((1, 0))),
        "net.inputWeights{1,1}.delays: missing or empty, expected numbers",
    ),
    "a weight for other delays": (
        lambda net: part(net, "inputWeights").update(delays=np.array([[0.0, 1.0]])),
        "net: IW{1,1}: 3 by 2, expected 3 by 4 (3 neurons, 2 elements, 2 delays)",
    ),
    "settings missing": (
        lambda net: part(net, "inputs").update(processSettings=np.zeros((0, 0))),
        "net.inputs{1}.processSettings: 0 entries for 1 processing functions; a network is saved with them once it "
        "is configured",
    ),
    "settings empty": (
        lambda net: part(net, "inputs")["processSettings"].__setitem__((0, 0), np.zeros((0, 0))),
        "net.inputs{1}.processSettings{1}: mapminmax has no settings; a network is saved with them once it is "
        "configured",
    ),
    "settings that are text": (
        lambda net: part(net, "inputs")["processSettings"].__setitem__((0, 0), "none"),
        "net.inputs{1}.processSettings{1}: a char 1x4, expected a struct with the settings of mapminmax",
    ),
    "a setting missing": (
        lambda net: settings(net).pop("xmax"),
        "net.inputs{1}.processSettings{1}: the setting xmax is missing; found gain, name, no_change, xmin, xoffset, "
        "xrange, xrows, ymax, ymin, yrange, yrows",
    ),
    "a setting that is text": (
        lambda net: settings(net).update(xmin="low"),
        "net.inputs{1}.processSettings{1}: the setting xmin is not numeric (it is of type <U3)",
    ),
    "a gain that contradicts the limits": (
        lambda net: settings(net).update(gain=np.array([[0.5], [0.75]])),
        "net.inputs{1}.processSettings{1}: row 2: the stored gain 0.75 and xoffset -2 contradict xmin, xmax, ymin and "
        "ymax, which give 0.66666666666666663 and -2",
    ),
    "settings for other rows": (
        lambda net: part(net, "inputs").update(size=3.0, range=np.zeros((3, 2)), processedSize=3.0),
        "net.inputs{1}: processSettings{1}: mapminmax is for 2 rows, but receives 3",
    ),
    "a processed size that its settings do not give": (
        lambda net: part(net, "inputs").update(processedSize=5.0),
        "net.inputs{1}.processedSize: 5, but its processing gives 2",
    ),
    "a range of the wrong size": (
        lambda net: part(net, "inputs").update(range=np.zeros((3, 2))),
        "net.inputs{1}: range is 3 by 2, expected 2 by 2",
    ),
    "an input without size": (
        lambda net: part(net, "inputs").update(size=0.0),
        "net.inputs{1}: size is 0: the network was never configured (train or configure it before saving)",
    ),
    "an output without size": (
        lambda net: part(net, "outputs", 0, 1).update(size=0.0),
        "net.outputs{2}: size is 0: the network was never configured (train or configure it before saving)",
    ),
    "a layer without size": (
        lambda net: part(net, "layers", 0).update(size=0.0),
        "net.layers{1}: size is 0: the network was never configured (train or configure it before saving)",
    ),
    "a layer of another size": (
        lambda net: part(net, "layers", 0).update(size=4.0),
        "net.layers{1}: the bias has shape (3,), expected (4,)",
    ),
    "a size that is not a number": (
        lambda net: part(net, "layers", 0).update(size="three"),
        "net.layers{1}.size: a char 1x5, expected a whole number, not negative",
    ),
    "another number of outputs than connected": (
        lambda net: put(net, "numOutputs", 2.0),
        "net.numOutputs: 2, but outputConnect has 1",
    ),
    "an output that is not there": (
        lambda net: field(net, "outputs").__setitem__((0, 1), np.zeros((0, 0))),
        "net.outputs{2}: empty, expected a struct",
    ),
    "no outputs": (
        lambda net: (put(net, "outputConnect", np.array([[False, False]])), put(net, "numOutputs", 0.0)),
        "net: no layer is connected to an output",
    ),
    "another number of layers": (
        lambda net: put(net, "numLayers", 3.0),
        "net.outputConnect: 1x2, expected 1x3 by the numbers of inputs and layers",
    ),
    "a number of layers that no network has": (
        lambda net: put(net, "numLayers", 2.0e9),
        "net: more than 10000 layers or inputs",
    ),
    "a feedback mode that does not exist": (
        lambda net: part(net, "outputs", 0, 1).update(feedbackMode="ajar"),
        "net.outputs{2}: feedbackMode is 'ajar', expected none, open or closed",
    ),
    "an open loop whose input does not exist": (
        lambda net: (open_loop(net), part(net, "outputs", 0, 1).update(feedbackInput=3.0)),
        "net.outputs{2}.feedbackInput: 3, but the network has 2 inputs",
    ),
    "feedback into input 0": (
        lambda net: (open_loop(net), part(net, "outputs", 0, 1).update(feedbackInput=0.0)),
        "net.outputs{2}.feedbackInput: 0, but the network has 2 inputs",
    ),
    "layers one more than any network has": (
        lambda net: put(net, "numLayers", 10_001.0),
        "net: more than 10000 layers or inputs",
    ),
    "as many layers as a network may have": (
        lambda net: put(net, "numLayers", 10_000.0),
        "net.outputConnect: 1x2, expected 1x10000 by the numbers of inputs and layers",
    ),
    "inputs one more than any network has": (
        lambda net: put(net, "numInputs", 10_001.0),
        "net: more than 10000 layers or inputs",
    ),
    "as many inputs as a network may have": (
        lambda net: put(net, "numInputs", 10_000.0),
        "net.inputs: a cell 1x1, expected a 10000x1 cell",
    ),
    "a delay beyond any whole number of 4 bytes": (
        lambda net: part(net, "inputWeights").update(delays=2.0**31),
        "net.inputWeights{1,1}.delays: delays must be non-negative integers in increasing order, got [2147483648.0]",
    ),
    "the longest delay that is a whole number of 4 bytes": (
        lambda net: part(net, "inputWeights").update(delays=2.0**31 - 1.0),
        "net.inputWeights{1,1}: a delay of 2147483647 steps is not supported; the maximum is 1000000",
    ),
    "a second delay that is not whole": (
        lambda net: part(net, "inputWeights").update(delays=np.array([[1.0, 2.5]])),
        "net.inputWeights{1,1}.delays: delays must be non-negative integers in increasing order, got [1.0, 2.5]",
    ),
    "the name of a processing function that is no text": (
        lambda net: part(net, "inputs")["processFcns"].__setitem__((0, 0), 3.0),
        "net.inputs{1}.processFcns{1}: a double 1x1, expected a name",
    ),
    "settings of two": (
        lambda net: part(net, "inputs")["processSettings"].__setitem__((0, 0), struct_array(2)),
        "net.inputs{1}.processSettings{1}: a struct 1x2, expected a struct with the settings of mapminmax",
    ),
    "an open loop from a layer that is not an output": (
        lambda net: (open_loop(net), part(net, "inputs", 1).update(feedbackOutput=1.0)),
        "net.inputs{2}: feedbackOutput is 1, but layer 1 is not an output",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_contradiction_is_refused_with_its_place(small: MatlabObject, save: Save, case: str) -> None:
    edit, message = REFUSED[case]
    matnet.load(save("before.mat", net=small))
    edit(small)
    file = save(net=small)
    with pytest.raises((matnet.ModelError, matnet.UnsupportedError)) as refused:
        matnet.load(file)
    assert str(refused.value) == f"{file}: {message}"


def test_an_input_whose_rows_were_all_constant_has_no_weights(small: MatlabObject, save: Save) -> None:
    removal, nothing = removeconstantrows(np.array([[3.0, 3.0], [4.0, 4.0]]))
    assert nothing.shape == (0, 2)
    part(small, "inputs")["processFcns"][0, 0] = removal.function
    part(small, "inputs")["processSettings"][0, 0] = removal.settings
    part(small, "inputs").update(processedSize=0.0)
    part(small, "inputWeights")["size"] = np.array([[3.0, 0.0]])
    field(small, "IW")[0, 0] = np.zeros((3, 0))
    loaded = matnet.load(save(net=small))
    expected = matnet.load(save("other.mat", net=small))(np.array([3.0, 4.0]))
    assert loaded(np.array([7.0, -1.0])) == expected
    assert not loaded.jacobian(np.array([7.0, -1.0])).any()


SAID_TWICE: dict[str, tuple[Callable[[Any], object], str]] = {
    "the longest delay of the inputs": (
        lambda net: put(net, "numInputDelays", 2.0),
        "net.numInputDelays: 2, but the longest delay of the input weights is 0: the file is damaged",
    ),
    "the longest delay of the layers": (
        lambda net: put(net, "numLayerDelays", 1.0),
        "net.numLayerDelays: 1, but the longest delay of the layer weights is 0: the file is damaged",
    ),
    "the longest delay of the feedback": (
        lambda net: put(net, "numFeedbackDelays", 1.0),
        "net.numFeedbackDelays: 1, but the longest feedbackDelay of the outputs is 0: the file is damaged",
    ),
    "the size of an input weight": (
        lambda net: part(net, "inputWeights").update(size=np.array([[3.0, 4.0]])),
        "net.inputWeights{1,1}.size: 3x4, but the values are 3x2: the file is damaged",
    ),
    "the size of a layer weight": (
        lambda net: part(net, "layerWeights", 1).update(size=np.array([[1.0, 2.0]])),
        "net.layerWeights{2,1}.size: 1x2, but the values are 1x3: the file is damaged",
    ),
    "the size of a bias": (
        lambda net: part(net, "biases", 1).update(size=2.0),
        "net.biases{2}.size: 2, but the values are 1: the file is damaged",
    ),
    "the processing functions of an input": (
        lambda net: part(net, "inputs").pop("processFcns"),
        "net.inputs{1}: no field processFcns, but a network of version 8 has one: the file is damaged",
    ),
    "the processing functions of an output of an old network": (
        lambda net: (put(net, "version", ""), part(net, "outputs", 0, 1).pop("processFcns")),
        "net: no field version, but every network with processing has one: the file is damaged",
    ),
    "the feedback of an output": (
        lambda net: part(net, "outputs", 0, 1).pop("feedbackMode"),
        "net.outputs{2}: no field feedbackMode, but a network of version 8 has one: the file is damaged",
    ),
    "the feedback of an input": (
        lambda net: part(net, "inputs").pop("feedbackOutput"),
        "net.inputs{1}: no field feedbackOutput, but a network of version 8 has one: the file is damaged",
    ),
    "the parameters of the processing": (
        lambda net: part(net, "inputs").update(processParams=np.zeros((0, 0))),
        "net.inputs{1}.processParams: 0 entries for 1 processing functions",
    ),
}


@pytest.mark.parametrize("case", SAID_TWICE)
def test_what_is_said_twice_must_agree(small: MatlabObject, save: Save, case: str) -> None:
    edit, message = SAID_TWICE[case]
    edit(small)
    file = save(net=small)
    with pytest.raises(matnet.ModelError) as refused:
        matnet.load(file)
    assert str(refused.value) == f"{file}: {message}"


def test_an_output_without_processing_is_run_without_whatever_its_ranges_say(small: MatlabObject, save: Save) -> None:
    empty = np.empty((1, 0), dtype=object)
    part(small, "outputs", 0, 1).update(
        processFcns=empty, processParams=empty, processSettings=empty, processedRange=np.array([[-1.0, 1.0]])
    )
    loaded = matnet.load(save(net=small))
    assert loaded.structure.outputs[0].processing == ()
    assert loaded.provenance.oddities == ("net.outputs{2} has no processing, but its processedRange is not its range",)
    reference = matnet.load(save("scaled.mat", net=small))
    assert loaded.layer_outputs([0.3, -1.0])[1] == loaded([0.3, -1.0]) == reference([0.3, -1.0])


@pytest.mark.parametrize("processed", [np.array([[np.nan, 1.0]]), np.zeros((0, 0)), "as the range"])
def test_ranges_that_agree_or_are_not_there_are_no_oddity(small: MatlabObject, save: Save, processed: object) -> None:
    empty = np.empty((1, 0), dtype=object)
    part(small, "outputs", 0, 1).update(
        processFcns=empty, processParams=empty, processSettings=empty, range=np.array([[np.nan, 1.0]])
    )
    part(small, "outputs", 0, 1).update(processedRange=processed)
    assert matnet.load(save(net=small)).provenance.oddities == ()


def objects_of_2011(net: Any) -> tuple[ObjectStore, Any]:
    """The network as R2011a stored it: parts, parameters and settings are objects, defaults are left out."""
    store = ObjectStore()
    kinds = {"inputs": "nnetInput", "layers": "nnetLayer", "biases": "nnetBias", "outputs": "nnetOutput"}
    kinds |= {"inputWeights": "nnetWeight", "layerWeights": "nnetWeight"}
    defaults: dict[str, Any] = {"netInputFcn": "netsum", "transferFcn": "purelin", "weightFcn": "dotprod"}
    defaults["delays"] = 0.0
    for kind in dict.fromkeys(kinds.values()):
        store.defaults[kind] = defaults
    for name, kind in kinds.items():
        slots = field(net, name)
        for place in np.ndindex(*slots.shape):
            if isinstance(slots[place], dict):
                properties = {
                    key: value
                    for key, value in slots[place].items()
                    if not (key in defaults and np.array_equal(value, defaults[key]))
                }
                for key in ("processSettings", "processParams"):
                    if key in properties:
                        class_name = "nnetSetting" if key == "processSettings" else "nnetParam"
                        items = [store.new(class_name, {"values": item}) for item in properties[key].ravel()]
                        properties[key] = [replace(item, plain=True) for item in items]
                for key in ("transferParam", "netInputParam", "weightParam"):
                    if key in properties:
                        properties[key] = store.new("nnetParam", {"fcn": "tansig", "values": {}})
                slots[place] = store.new(kind, properties)
    parameters = {"regularization": 0.25, "normalization": "none", "squaredWeighting": True}
    put(net, "performParam", store.new("nnetParam", {"fcn": "mse", "values": parameters}))
    put(net, "version", "7")
    return store, net


def test_the_objects_of_r2011a_are_read_as_structs_are(small: MatlabObject, save: Save, tmp_path: Path) -> None:
    expected = matnet.load(save(net=small))
    store, net = objects_of_2011(small)
    loaded = matnet.load(write_objects(tmp_path / "objects.mat", store, {"net": net}))
    x = np.array([[0.3, -1.0], [2.0, 0.0], [9.0, 9.0]])
    assert (loaded(x) == expected(x)).all()
    assert loaded.structure.performance == Performance("mse", 0.25)
    assert loaded.provenance.toolbox_version == "7"


def test_an_object_of_r2011a_with_parameters_of_a_function_is_refused(small: MatlabObject, tmp_path: Path) -> None:
    store, net = objects_of_2011(small)
    layer = next(number for number, entry in enumerate(store.objects) if "transferFcn" in entry[1])
    class_number, properties, saved = store.objects[layer]
    parameter = store.new("nnetParam", {"values": {"alpha": 2.0}})
    store.objects[layer] = (class_number, {**properties, "transferParam": parameter}, saved)
    file = write_objects(tmp_path / "objects.mat", store, {"net": net})
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.load(file)
    assert str(refused.value) == (
        f"{file}: net.layers{{1}}.transferParam: not empty (struct 1x1); functions with parameters are not supported"
    )


def test_a_part_that_is_another_object_or_two_of_them_is_refused(small: MatlabObject, tmp_path: Path) -> None:
    store, net = objects_of_2011(small)
    layers = field(net, "layers")
    own, other = layers[0, 0], store.new("nnetSpecialLayer", {"size": 3.0})
    for value, words in (
        (other, "nnetSpecialLayer 1x1"),
        (store.reference("nnetLayer", *own.numbers, *own.numbers), "nnetLayer 1x2"),
    ):
        layers[0, 0] = value
        file = write_objects(tmp_path / "objects.mat", store, {"net": net})
        with pytest.raises(matnet.ModelError) as refused:
            matnet.load(file)
        assert str(refused.value) == f"{file}: net.layers{{1}}: a {words}, expected a struct"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda store: handle("mine"), "function_handle 1x1"),
        (lambda store: store.new("mystery", {"values": {}}), "mystery 1x1"),
        (
            lambda store: store.reference("nnetParam", *(store.add("nnetParam", {"values": {}}) for _ in range(2))),
            "nnetParam 1x2",
        ),
    ],
)
def test_a_parameter_that_is_a_function_or_an_object_is_refused(
    small: MatlabObject, tmp_path: Path, make: Callable[[ObjectStore], Any], words: str
) -> None:
    store, net = objects_of_2011(small)
    layer = next(number for number, entry in enumerate(store.objects) if "transferFcn" in entry[1])
    class_number, properties, saved = store.objects[layer]
    parameter = make(store)
    plain = replace(parameter, plain=True) if isinstance(parameter, Reference) else parameter
    store.objects[layer] = (class_number, {**properties, "netInputParam": plain}, saved)
    file = write_objects(tmp_path / "objects.mat", store, {"net": net})
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.load(file)
    assert str(refused.value) == (
        f"{file}: net.layers{{1}}.netInputParam: not empty ({words}); functions with parameters are not supported"
    )


def test_a_real_file_of_r2011a_loads(field_inputs: Path) -> None:
    loaded = matnet.load(field_inputs / "B_2_nnet_objects.mat")
    assert [(layer.size, layer.transfer) for layer in loaded.structure.layers] == [(32, "tansig"), (1, "logsig")]
    assert loaded.structure.inputs[0].processing == ()
    assert loaded.parameters.shape == (1217,)


def test_weights_that_are_not_finite_can_be_allowed(small: MatlabObject, save: Save) -> None:
    field(small, "IW")[0, 0][0, 0] = np.nan
    loaded = matnet.load(save(net=small), allow_nonfinite=True)
    assert np.isnan(loaded.structure.layers[0].input_weights[0].value[0, 0])


def test_labels_may_be_strings_in_double_quotes(small: MatlabObject, tmp_path: Path) -> None:
    store, net = objects_of_2011(small)
    for name, text in (("version", "7"), ("trainFcn", "trainbr"), ("divideFcn", ""), ("performFcn", "sse")):
        put(net, name, string(store, (1, 1), text))
    loaded = matnet.load(write_objects(tmp_path / "objects.mat", store, {"net": net}))
    training = loaded.provenance.training
    assert training is not None
    assert (loaded.provenance.toolbox_version, training.function, training.division) == ("7", "trainbr", "")
    assert loaded.structure.performance is not None
    assert loaded.structure.performance.function == "sse"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda store: string(store, (1, 2), "a", "b"), r"net\.version: a string 1x1, expected one line of text"),
        (lambda store: store.new("string", {"any": 3.0}), r"net\.version: a string array without its characters"),
        (lambda store: store.new("mystery", {"any": 3.0}), r"net\.version: a mystery 1x1, expected one line of text"),
    ],
)
def test_labels_that_are_other_objects_are_refused(
    make: Callable[[ObjectStore], Reference], words: str, small: MatlabObject, tmp_path: Path
) -> None:
    store, net = objects_of_2011(small)
    put(net, "version", make(store))
    with pytest.raises(matnet.MatnetError, match=f"{words}$"):
        matnet.load(write_objects(tmp_path / "objects.mat", store, {"net": net}))


@pytest.mark.parametrize("name", ["version", "trainFcn", "divideFcn", "performFcn"])
@pytest.mark.parametrize(
    ("value", "words"), [(3.0, "a double 1x1"), (np.array(["ab", "cd"]), "a char 2x2"), ({"a": 1.0}, "a struct 1x1")]
)
def test_labels_that_are_no_text_are_damaged(
    small: MatlabObject, save: Save, name: str, value: object, words: str
) -> None:
    put(small, name, value)
    file = save(net=small)
    with pytest.raises(matnet.ModelError) as refused:
        matnet.load(file)
    assert str(refused.value) == f"{file}: net.{name}: {words}, expected one line of text"


@pytest.mark.parametrize("place", ["inputs", "layers", "outputs"])
def test_names_that_are_no_text_are_damaged(small: MatlabObject, save: Save, place: str) -> None:
    part(small, place, *((0, 1) if place == "outputs" else ()))["name"] = 3.0
    file = save(net=small)
    with pytest.raises(matnet.ModelError, match=r"\.name: a double 1x1, expected one line of text$"):
        matnet.load(file)


def test_the_function_that_trained_or_divided_the_data_is_known_alone(small: MatlabObject, save: Save) -> None:
    for train, divide in (("trainbr", ""), ("", "dividerand")):
        put(small, "trainFcn", train)
        put(small, "divideFcn", divide)
        training = matnet.load(save(net=small)).provenance.training
        assert training is not None
        assert [training.function, training.division] == [train, divide]


LOST = [
    *(("net", name, "678") for name in ("performFcn", "performParam", "trainFcn")),
    ("net", "divideFcn", "78"),
    *((place, name, "678") for place in ("inputs", "outputs") for name in ("processFcns", "range")),
    *((place, "name", "78") for place in ("inputs", "layers", "outputs")),
    ("inputs", "feedbackOutput", "78"),
    *(("outputs", name, "78") for name in ("feedbackMode", "feedbackInput", "feedbackDelay")),
    *(("layers", name, "78") for name in ("netInputParam", "transferParam")),
    ("inputWeights", "weightParam", "78"),
    ("layerWeights", "weightParam", "78"),
]
"""A place, a field of it, and the versions in which every network has it."""


@pytest.mark.parametrize(("place", "name", "versions"), LOST)
def test_what_every_network_of_a_version_says_is_not_taken_for_unsaid(
    place: str, name: str, versions: str, small: MatlabObject, save: Save
) -> None:
    """One bit in the name of a field is enough to lose it."""
    slots = {"outputs": (0, 1), "layerWeights": (1, 0)}
    edited = small
    if place == "net":
        edited = without(small, name)
    else:
        del part(small, place, *slots.get(place, (0, 0)))[name]
    index = {"outputs": "{2}", "inputWeights": "{1,1}", "layerWeights": "{2,1}"}.get(place, "{1}")
    where = "net" if place == "net" else f"net.{place}{index}"
    for version in "678":
        put(edited, "version", version)
        file = save(net=edited)
        if version in versions:
            with pytest.raises(matnet.ModelError) as refused:
                matnet.load(file)
            assert str(refused.value) == (
                f"{file}: {where}: no field {name}, but a network of version {version} has one: the file is damaged"
            )
        else:
            matnet.load(file)


@pytest.mark.parametrize("place", ["inputs", "outputs"])
def test_a_range_that_is_no_matrix_of_numbers_is_refused(place: str, small: MatlabObject, save: Save) -> None:
    part(small, place, *((0, 1) if place == "outputs" else ()))["range"] = "ab"
    file = save(net=small)
    with pytest.raises(matnet.ModelError, match=r"\.range: a char 1x2, expected numbers$"):
        matnet.load(file)


@pytest.mark.parametrize("name", ["weightFcn", "delays"])
def test_a_weight_without_its_function_or_delays_is_refused(small: MatlabObject, save: Save, name: str) -> None:
    del part(small, "layerWeights", 1, 0)[name]
    file = save(net=small)
    with pytest.raises(matnet.ModelError) as refused:
        matnet.load(file)
    assert str(refused.value).startswith(f"{file}: net.layerWeights{{2,1}}.{name}: missing")


@pytest.mark.parametrize(
    "name", ["numInputs", "numLayers", "inputs", "layers", "outputs", "IW", "LW", "b", "biasConnect"]
)
def test_a_missing_field_is_refused(small: MatlabObject, save: Save, name: str) -> None:
    file = save(net=without(small, name))
    with pytest.raises(matnet.ModelError) as refused:
        matnet.load(file)
    assert str(refused.value).startswith(f"{file}: net.{name}: missing")


def test_an_object_of_the_class_with_other_fields_is_refused(save: Save) -> None:
    file = save(net=MatlabObject(np.array([[(1.0,)]], dtype=[("numLayers", object)]), "network"))
    with pytest.raises(matnet.ModelError) as refused:
        matnet.load(file)
    assert str(refused.value) == f"{file}: net.numInputs: missing, expected a whole number, not negative"


@pytest.mark.parametrize("low", [-1.0, 0.0])
def test_an_input_that_was_scaled_outside_is_pointed_out(small: MatlabObject, save: Save, low: float) -> None:
    empty = np.empty((1, 0), dtype=object)
    bare = {"processFcns": empty, "processParams": empty, "processSettings": empty}
    part(small, "inputs").update(bare, range=np.array([[low, 1.0]] * 2), processedRange=np.array([[low, 1.0]] * 2))
    assert matnet.load(save(net=small)).provenance.oddities == (
        f"input 1 has no processing and ranges from {low:g} to 1: if its data were scaled outside the network, x is on "
        "that scale; with_scaling (--input-scaling) takes the settings",
    )
    for off, count in ((5e-7, 1), (2e-6, 0)):
        part(small, "inputs").update(range=np.array([[low + off, 1.0 - off]] * 2), processedRange=np.zeros((0, 0)))
        assert len(matnet.load(save("near.mat", net=small)).provenance.oddities) == count
    part(small, "inputs").update(range=np.array([[low, 1.0], [low, 2.0]]))
    part(small, "inputs").update(processedRange=np.array([[low, 1.0], [low, 2.0]]))
    assert matnet.load(save("other.mat", net=small)).provenance.oddities == ()


def test_a_processing_function_may_stand_without_its_cell(small: MatlabObject, save: Save) -> None:
    x = np.array([[0.3, -1.0], [2.0, 0.0]])
    expected = matnet.load(save(net=small))(x)
    own = part(small, "inputs")
    own.update(
        processFcns="mapminmax", processSettings=own["processSettings"][0, 0], processParams=own["processParams"][0, 0]
    )
    assert (matnet.load(save("single.mat", net=small))(x) == expected).all()


@pytest.mark.parametrize(
    ("field_name", "value", "message"),
    [
        ("processFcns", 3.0, "processFcns: a double 1x1, expected a cell of names"),
        ("processFcns", {"a": 1.0}, "processFcns: a struct 1x1, expected a cell of names"),
        ("processSettings", "none", "processSettings: a char 1x4, expected a cell of settings"),
        ("processParams", 3.0, "processParams: a double 1x1, expected a cell of parameters"),
    ],
)
def test_processing_fields_of_another_kind_are_refused(
    small: MatlabObject, save: Save, field_name: str, value: object, message: str
) -> None:
    part(small, "inputs")[field_name] = value
    file = save(net=small)
    with pytest.raises(matnet.ModelError) as refused:
        matnet.load(file)
    assert str(refused.value) == f"{file}: net.inputs{{1}}.{message}"


@pytest.mark.parametrize("place", ["transferParam", "netInputParam"])
def test_parameters_are_refused_unless_there_are_none(small: MatlabObject, save: Save, place: str) -> None:
    empty: list[Any] = [{}, np.empty((1, 0), dtype=object), np.zeros((0, 0))]
    for nothing in empty:
        part(small, "layers")[place] = nothing
        matnet.load(save(net=small))
    something = np.empty((1, 1), dtype=object)
    something[0, 0] = 2.0
    for value, words in ((something, "cell 1x1"), (2.0, "double 1x1"), ("a", "char 1x1"), ({"a": 1.0}, "struct 1x1")):
        part(small, "layers")[place] = value
        file = save(net=small)
        with pytest.raises(matnet.UnsupportedError) as refused:
            matnet.load(file)
        assert str(refused.value) == (
            f"{file}: net.layers{{1}}.{place}: not empty ({words}); functions with parameters are not supported"
        )
