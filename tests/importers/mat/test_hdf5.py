"""Version 7.3 MAT-files: value for value what the reader of versions 5 to 7 gives, and nothing read from elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import matnet
from make_hdf5_fixtures import main, number, one_of_each, write_hdf5
from matnet import isolation
from matnet.cli.entry import run
from matnet.files import DEFAULT_LIMIT
from matnet.importers.arrays import read_array
from matnet.importers.mat.matfile import open_mat
from matnet.importers.mat.values import Cell, Char, Function, Numeric, Opaque, Sparse, Struct, Value
from matnet.importers.scaling import load_scaling
from matnet.importers.stored import StoredValues
from matnet.importers.training_record import read_training_record, training_record_paths

FIXTURES = Path(__file__).parents[3] / "fixtures"


def differences(ours: Value, theirs: Value, place: str) -> Iterator[str]:
    """Where two values are not the same, numbers to the bit; how a double was stored does not count."""
    if type(ours) is not type(theirs) or ours.class_name != theirs.class_name or ours.shape != theirs.shape:
        yield f"{place}: {ours} is not {theirs}"
    elif isinstance(ours, Numeric) and isinstance(theirs, Numeric):
        if ours.array.dtype != theirs.array.dtype or ours.array.tobytes() != theirs.array.tobytes():
            yield f"{place}: {ours} is not {theirs}"
    elif isinstance(ours, Sparse) and isinstance(theirs, Sparse):
        if not np.array_equal(ours.floats(), theirs.floats()):
            yield f"{place}: {ours} is not {theirs}"
    elif isinstance(ours, Cell) and isinstance(theirs, Cell):
        for number_, (a, b) in enumerate(zip(ours.items, theirs.items, strict=True), start=1):
            yield from differences(a, b, f"{place}{{{number_}}}")
    elif isinstance(ours, Struct) and isinstance(theirs, Struct):
        if set(ours.fields) != set(theirs.fields):
            yield f"{place}: fields {sorted(ours.fields)} are not {sorted(theirs.fields)}"
            return
        for name, values in ours.fields.items():
            for number_, (a, b) in enumerate(zip(values, theirs.fields[name], strict=True), start=1):
                yield from differences(a, b, f"{place}({number_}).{name}")
    elif isinstance(ours, Opaque) and isinstance(theirs, Opaque):
        for a, b in zip(ours.objects(), theirs.objects(), strict=True):
            yield from differences(a, b, f"{place}.")
    elif isinstance(ours, Char) and isinstance(theirs, Char) and ours.rows != theirs.rows:
        yield f"{place}: {ours.rows} is not {theirs.rows}"


def values(path: Path, isolation: bool = False) -> dict[str, Value]:
    """The variables, each of the class and size that is known before it is read."""
    found = {}
    for name, variable in open_mat(path, DEFAULT_LIMIT, isolation).variables.items():
        found[name] = variable.value
        assert (variable.class_name, variable.shape) == (found[name].class_name, found[name].shape)
    return found


def all_differences(ours: dict[str, Value], theirs: dict[str, Value]) -> list[str]:
    assert sorted(ours) == sorted(theirs)
    return [line for name, value in ours.items() for line in differences(value, theirs[name], name)]


def test_every_kind_of_value_is_read_as_it_is_laid_out() -> None:
    assert all_differences(values(FIXTURES / "values_v73.mat"), one_of_each()) == []


def test_class_and_size_are_known_before_a_value_is_read() -> None:
    variables = open_mat(FIXTURES / "values_v73.mat", DEFAULT_LIMIT).variables
    for name, value in one_of_each().items():
        assert (variables[name].class_name, variables[name].shape) == (value.class_name, value.shape), name


def test_the_network_of_level_7_3_is_that_of_level_5() -> None:
    newer, older = FIXTURES / "pump_v73.mat", FIXTURES / "pump.mat"
    assert all_differences(values(newer), values(older)) == []
    ours, theirs = matnet.load(newer), matnet.load(older)
    assert (ours.parameters == theirs.parameters).all()
    low, high = theirs.input_range.T
    x = np.random.default_rng(1).uniform(low, high, (50, theirs.input_size))
    assert (ours(x) == theirs(x)).all()
    assert (ours.jacobian(x) == theirs.jacobian(x)).all()


def test_the_script_makes_the_committed_files(tmp_path: Path) -> None:
    main(tmp_path)
    for name in ("pump_v73.mat", "values_v73.mat"):
        assert all_differences(values(tmp_path / name), values(FIXTURES / name)) == []


def test_a_real_file_of_level_7_3(corpus: Path) -> None:
    file = open_mat(corpus / "layout_v73_old_class.mat", DEFAULT_LIMIT)
    assert file.header.startswith("MATLAB 7.3 MAT-file, Platform: PCWIN64, Created on: Fri Feb  2 14:58:10 2024")
    value = file.variables["tc_old"].value
    assert isinstance(value, Struct)
    assert (value.class_name, list(value.fields)) == ("TestClassOld", ["foo"])
    assert value.get("foo") is not None
    assert list(differences(value.fields["foo"][0], Numeric(np.zeros((0, 0))), "tc_old.foo")) == []


NETWORKS = (
    "static_chemical_workspace.mat",
    "static_cell_of_networks.mat",
    "static_struct_field.mat",
    "static_fixunknowns.mat",
    "static_v6_integer_weights.mat",
    "static_v7_opaque_params.mat",
    "static_mcos_v9.mat",
    "competitive_mcos_v9.mat",
    "nested_autoencoder_mcos.mat",
    "rbf_pnn_2006_sparse.mat",
    "dynamic_narx_closed.mat",
    "dynamic_nar_closed_no_input.mat",
)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_real_network_written_anew_is_the_same(corpus: Path, tmp_path: Path, name: str) -> None:
    older = values(corpus / name)
    write_hdf5(tmp_path / name, older)
    assert all_differences(values(tmp_path / name), older) == []
    ours, theirs = matnet.load_all(tmp_path / name), matnet.load_all(corpus / name)
    assert list(ours) == sorted(theirs)
    for path, net in ours.items():
        assert np.array_equal(net.parameters, theirs[path].parameters)
        assert net.provenance.stored_as == theirs[path].provenance.stored_as


def edited(path: Path, edit: Callable[[Any], object]) -> Path:
    write_hdf5(
        path,
        {"x": number(1.0), "c": Cell((1, 2), (number(1.0), number(2.0))), "s": Struct((1, 1), {"a": (number(1.0),)})},
    )
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def relabel(file: Any, name: str, class_name: str) -> None:
    file[name].attrs["MATLAB_class"] = np.bytes_(class_name)


def replace(file: Any, name: str, data: Any, class_name: str, **options: Any) -> None:
    del file[name]
    file.create_dataset(name, data=data, **options)
    relabel(file, name, class_name)


def circle(file: Any) -> None:
    file["c"][0, 0] = file["c"].ref


def shared(file: Any) -> None:
    file["c"][1, 0] = file["c"][0, 0]


def sparse_data(shape: tuple[int, ...]) -> Callable[[Any], None]:
    """A sparse matrix whose numbers do not lie in a row."""

    def edit(file: Any) -> None:
        columns(data=np.array([0, 1], dtype=np.uint64))(file)
        file["z"].create_dataset("data", data=np.ones(shape))
        file["z"].create_dataset("ir", data=np.zeros(1, dtype=np.uint64))

    return edit


def empty_of(sizes: Any, class_name: str = "double") -> Callable[[Any], None]:
    """An empty value of the sizes."""

    def edit(file: Any) -> None:
        replace(file, "x", np.asarray(sizes), class_name)
        file["x"].attrs["MATLAB_empty"] = np.uint8(1)

    return edit


def several_classes(file: Any) -> None:
    file["x"].attrs["MATLAB_class"] = np.array([b"double", b"double"])


def two_kinds(file: Any) -> None:
    file["s"].attrs["MATLAB_object_decode"] = np.array([1, 1], dtype=np.int32)


def partly_written(rows: int) -> Callable[[Any], None]:
    """Rows of 64 bytes, each a chunk, of which only the first is in the file."""

    def edit(file: Any) -> None:
        del file["x"]
        file.create_dataset("x", (rows, 8), "f8", chunks=(1, 8))[0] = 1.0
        relabel(file, "x", "double")

    return edit


def array_beside_a_value(file: Any) -> None:
    del file["s/a"]
    file["s"].create_dataset("a", data=np.array([[file["c"][0, 0]], [file["c"][1, 0]]]), dtype=h5py.ref_dtype)
    file["s/b"] = np.ones((1, 1))
    file["s/b"].attrs["MATLAB_class"] = np.bytes_("double")
    del file["c"]


def soft_link(file: Any) -> None:
    file["s/b"] = h5py.SoftLink("/x")


def external_link(file: Any) -> None:
    file["s/b"] = h5py.ExternalLink("other.mat", "/x")


def external_storage(file: Any) -> None:
    del file["x"]
    file.create_dataset("x", (1, 1), "f8", external=[("/etc/hostname", 0, 8)])
    relabel(file, "x", "double")


def virtual(file: Any) -> None:
    del file["x"]
    layout = h5py.VirtualLayout((1, 1), "f8")
    layout[:] = h5py.VirtualSource("other.mat", "x", (1, 1))
    file.create_virtual_dataset("x", layout)
    relabel(file, "x", "double")


def never_written(file: Any) -> None:
    del file["x"]
    file.create_dataset("x", (100_000, 100_000), "f8", chunks=(1000, 1000))
    relabel(file, "x", "double")


def other_filter(file: Any) -> None:
    replace(file, "x", np.zeros((64, 64)), "double", compression="lzf", chunks=(64, 64))


def emptied(file: Any) -> None:
    replace(file, "x", np.array([2, 3], dtype=np.uint64), "double")
    file["x"].attrs["MATLAB_empty"] = np.uint8(1)


def nothing_referred_to(file: Any) -> None:
    file["c"][0, 0] = h5py.Reference()


def columns(**options: Any) -> Callable[[Any], None]:
    """A sparse matrix with other columns."""

    def edit(file: Any) -> None:
        matrix = file.create_group("z")
        matrix.attrs["MATLAB_class"], matrix.attrs["MATLAB_sparse"] = np.bytes_("double"), np.uint64(3)
        if options:
            matrix.create_dataset("jc", **options)
        else:
            matrix.create_group("jc")

    return edit


def uneven(file: Any) -> None:
    del file["s/a"]
    file["s"].create_dataset("a", (2, 1), h5py.ref_dtype)
    file["s"].create_dataset("b", (3, 1), h5py.ref_dtype)


def checksum(file: Any) -> None:
    replace(file, "x", np.zeros((64, 64)), "double", chunks=(64, 64), fletcher32=True)


def chunks_beyond_the_file(file: Any) -> None:
    replace(file, "x", np.zeros((2, 2)), "double", chunks=(4096, 4096), maxshape=(None, None), compression="gzip")


def class_elsewhere(file: Any) -> None:
    """A class whose text lies in the heap of the file, where a kilobyte can stand for gigabytes."""
    del file["x"].attrs["MATLAB_class"]
    file["x"].attrs["MATLAB_class"] = "double"


def data_elsewhere(file: Any) -> None:
    del file["x"]
    file.create_dataset("x", data=[["text"]], dtype=h5py.string_dtype())
    relabel(file, "x", "double")


def infinite(attribute: str) -> Callable[[Any], None]:
    def edit(file: Any) -> None:
        file["s"].attrs[attribute] = np.inf

    return edit


def second_name(file: Any) -> None:
    file["t"] = file["s"]


def long_name(file: Any) -> None:
    file["s"]["n" * 2049] = 1.0


REFUSED: dict[str, tuple[Callable[[Any], object], str]] = {
    "a circle of references": (circle, "c: broken: a value is referred to from two places"),
    "a value with two references": (shared, "c: broken: a value is referred to from two places"),
    "a reference to nothing": (nothing_referred_to, "c: broken: a reference to nothing"),
    "a soft link": (soft_link, "s: b is a link out of its group, which MATLAB never writes; it is not followed"),
    "an external link": (
        external_link,
        "s: b is a link out of its group, which MATLAB never writes; it is not followed",
    ),
    "data in another file": (external_storage, "x: the data lie in another file, which is not read"),
    "a virtual dataset": (virtual, "x: the data lie in another file, which is not read"),
    "data that were never written": (never_written, "x: broken: 80000000000 bytes of data are announced, 0 are stored"),
    "a filter that MATLAB does not use": (
        other_filter,
        "x: the data are packed with filter 32000, which MATLAB does not use",
    ),
    "a checksum": (checksum, "x: the data are packed with filter 3, which MATLAB does not use"),
    "chunks beyond the file": (chunks_beyond_the_file, "x: broken: a chunk of 134217728 bytes for 32 bytes of data"),
    "a class of variable length": (class_elsewhere, "x: broken: MATLAB_class is not a text of fixed length"),
    "data of variable length": (data_elsewhere, "x: broken: numbers of type object"),
    "an infinite kind": (infinite("MATLAB_object_decode"), "s: broken: MATLAB_object_decode is not a whole number"),
    "infinitely many rows": (infinite("MATLAB_sparse"), "s: broken: MATLAB_sparse is not a whole number"),
    "a variable under two names": (second_name, "t: broken: a value is referred to from two places"),
    "a name without end": (long_name, "s: broken: a name of 2049 characters; MATLAB's have at most 2048"),
    "an empty value that is not": (emptied, "x: broken: an empty value of 2x3"),
    "an empty value of one dimension": (
        empty_of(np.array([0], dtype=np.uint64)),
        "x: broken: an empty value without dimensions",
    ),
    "an empty value of 33 dimensions": (
        empty_of(np.zeros(33, dtype=np.uint64)),
        "x: broken: an empty value without dimensions",
    ),
    "dimensions that are fractions": (empty_of(np.zeros(2)), "x: broken: an empty value without dimensions"),
    "dimensions in a square": (
        empty_of(np.zeros((2, 2), dtype=np.uint64)),
        "x: broken: an empty value without dimensions",
    ),
    "several classes": (several_classes, "x: broken: MATLAB_class is not a text of fixed length"),
    "a class without end": (
        lambda file: relabel(file, "x", "c" * 2049),
        "x: broken: MATLAB_class is not a text of fixed length",
    ),
    "two kinds": (two_kinds, "s: broken: MATLAB_object_decode is not a whole number"),
    "more data than can be packed in what is stored": (
        partly_written(1033),
        "x: broken: 66112 bytes of data are announced, 64 are stored",
    ),
    "text in numbers of four bytes": (
        lambda file: replace(file, "x", np.full((1, 1), 65, dtype=np.uint32), "char"),
        "x: broken: text of type uint32",
    ),
    "text in signed numbers": (
        lambda file: replace(file, "x", np.full((1, 1), 65, dtype=np.int16), "char"),
        "x: broken: text of type int16",
    ),
    "numbers of a sparse matrix in a square": (sparse_data((1, 1)), "z: broken: a sparse matrix of type float64"),
    "columns of nothing": (
        columns(data=h5py.Empty("u8")),
        "z: broken: jc of a sparse matrix is object of shape ()",
    ),
    "an array of structs with a field of one": (
        array_beside_a_value,
        "s: broken: field b has 1 value, expected 2",
    ),
    "numbers that are text": (
        lambda file: replace(file, "x", np.array([[b"abc"]]), "double"),
        "x: broken: numbers of type |S3",
    ),
    "text that is numbers": (lambda file: relabel(file, "x", "char"), "x: broken: text of type float64"),
    "a cell of numbers": (
        lambda file: relabel(file, "x", "cell"),
        "x: broken: a cell of type float64, expected references",
    ),
    "logicals of two": (
        lambda file: replace(file, "x", np.full((1, 1), 2, dtype=np.uint8), "logical"),
        "x: broken: logicals that are neither 0 nor 1",
    ),
    "numbers that their class does not hold": (
        lambda file: replace(file, "x", np.full((1, 1), 0.5), "uint8"),
        "x: broken: numbers of class uint8 that are stored as float64",
    ),
    "columns in one number": (columns(data=np.uint64(0)), "z: broken: jc of a sparse matrix is uint64 of shape ()"),
    "columns of fractions": (columns(data=np.zeros(2)), "z: broken: jc of a sparse matrix is float64 of shape (2,)"),
    "columns without an end": (
        columns(data=np.zeros(0, dtype=np.uint64)),
        "z: broken: a sparse matrix whose columns have no end",
    ),
    "columns that are a group": (columns(), "z: broken: a group where data are expected"),
    "one dimension": (lambda file: replace(file, "x", np.zeros(3), "double"), "x: broken: data of the shape (3,)"),
    "fields of different sizes": (
        uneven,
        "s: broken: the fields of a struct array have different sizes: [(1, 2), (1, 3)]",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_broken_or_hostile_file_is_refused(tmp_path: Path, case: str) -> None:
    edit, message = REFUSED[case]
    path = edited(tmp_path / "net.mat", edit)
    with pytest.raises(matnet.FormatError) as refused:
        values(path)
    assert str(refused.value) == message


def renamed(file: Any) -> None:
    file["n" * 2048] = file["x"]
    del file["x"]


ACCEPTED: dict[str, tuple[Callable[[Any], object], Value]] = {
    "a name of 2048 characters": (renamed, number(1.0)),
    "packed and shuffled": (
        lambda file: replace(file, "x", np.arange(8.0).reshape(2, 4), "double", compression="gzip", shuffle=True),
        Numeric(np.arange(8.0).reshape(2, 4).T),
    ),
    "a chunk of 32 MB": (
        lambda file: replace(
            file, "x", np.ones((1, 1)), "double", chunks=(2048, 2048), maxshape=(None, None), compression="gzip"
        ),
        number(1.0),
    ),
    "data of which most was never written": (
        partly_written(1032),
        Numeric(np.pad(np.ones((8, 1)), ((0, 0), (0, 1031)))),
    ),
    "a missing number in four bytes": (
        lambda file: replace(file, "x", np.full((1, 1), np.nan, dtype=np.float32), "double"),
        number(np.nan),
    ),
    "text in bytes": (
        lambda file: replace(file, "x", np.full((2, 1), 65, dtype=np.uint8), "char"),
        Char((1, 2), ("AA",)),
    ),
    "an empty value of 32 dimensions": (empty_of(np.zeros(32, dtype=np.uint64)), Numeric(np.zeros((0,) * 32))),
    "a row of no text": (empty_of(np.array([1, 0], dtype=np.uint64), "char"), Char((1, 0), ("",))),
    "two rows of no text": (empty_of(np.array([2, 0], dtype=np.uint64), "char"), Char((2, 0), ())),
    "no logicals": (
        empty_of(np.array([0, 3], dtype=np.uint64), "logical"),
        Numeric(np.zeros((0, 3), dtype=bool), "logical"),
    ),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_is_just_allowed_is_read(tmp_path: Path, case: str) -> None:
    edit, expected = ACCEPTED[case]
    found = values(edited(tmp_path / "net.mat", edit))
    (name,) = set(found) - {"c", "s"}
    assert list(differences(found[name], expected, name)) == []


@pytest.mark.parametrize(
    ("stored", "class_name", "narrowed"),
    [("int16", "double", True), ("uint8", "double", True), ("float64", "double", False), ("int16", "int16", False)],
)
def test_doubles_that_are_stored_as_integers_say_so(
    stored: str, class_name: str, narrowed: bool, tmp_path: Path
) -> None:
    data = np.array([[1, 2], [3, 250]]).astype(stored)
    value = values(edited(tmp_path / "net.mat", lambda file: replace(file, "x", data, class_name)))["x"]
    assert isinstance(value, Numeric)
    assert (value.array.dtype.name, value.narrowed) == ("int16" if class_name == "int16" else "float64", narrowed)
    assert value.array.tolist() == data.T.tolist()


def test_a_class_of_2048_characters_is_known(tmp_path: Path) -> None:
    path = edited(tmp_path / "net.mat", lambda file: relabel(file, "x", "c" * 2048))
    value = values(path)["x"]
    assert isinstance(value, Opaque)
    assert (value.class_name, value.system, value.shape) == ("c" * 2048, "", (1, 1))


def test_a_chunk_beyond_32_mb_is_refused(tmp_path: Path) -> None:
    def edit(file: Any) -> None:
        replace(file, "x", np.ones((1, 1)), "double", chunks=(4096, 1025), maxshape=(None, None), compression="gzip")

    with pytest.raises(matnet.FormatError, match=r"^x: broken: a chunk of 33587200 bytes for 8 bytes of data$"):
        values(edited(tmp_path / "net.mat", edit))


def test_the_text_of_a_header_is_116_bytes(tmp_path: Path) -> None:
    text = "MATLAB 7.3 MAT-file, " + "0123456789" * 12
    data = (FIXTURES / "pump_v73.mat").read_bytes()
    (tmp_path / "net.mat").write_bytes(text[:124].encode() + data[124:])
    assert open_mat(tmp_path / "net.mat", DEFAULT_LIMIT, isolation=False).header == text[:116]


def test_an_object_of_an_old_class_may_have_no_elements(tmp_path: Path) -> None:
    def edit(file: Any) -> None:
        empty_of(np.array([2, 3], dtype=np.uint64), "mine")(file)
        file["x"].attrs["MATLAB_object_decode"] = np.int32(2)

    value = values(edited(tmp_path / "net.mat", edit))["x"]
    assert isinstance(value, Struct)
    assert (value.shape, value.class_name, value.fields) == ((2, 3), "mine", {})


@pytest.mark.parametrize(
    "wrap",
    [lambda value: Cell((1, 1), (value,)), lambda value: Struct((1, 1), {"a": (value,)})],
    ids=["cells", "structs"],
)
def test_what_is_nested_too_deep_is_not_read(tmp_path: Path, wrap: Callable[[Value], Value]) -> None:
    for depth, class_name in ((64, "double"), (65, "value nested more than 64 deep")):
        value: Value = number(1.0)
        for _ in range(depth):
            value = wrap(value)
        write_hdf5(tmp_path / f"{depth}.mat", {"x": value})
        innermost = values(tmp_path / f"{depth}.mat")["x"]
        for _ in range(depth):
            assert isinstance(innermost, Cell | Struct)
            (innermost,) = innermost.items if isinstance(innermost, Cell) else innermost.fields["a"]
        assert innermost.class_name == class_name


def test_the_limit_is_asked_for_every_reference(tmp_path: Path) -> None:
    def edit(file: Any) -> None:
        del file["c"]
        file.create_dataset("c", data=np.full((10_000, 1), file["x"].ref), dtype=h5py.ref_dtype)
        relabel(file, "c", "cell")

    path = edited(tmp_path / "net.mat", edit)
    for limit, message in (
        (2_000_000, "a value is referred to from two places"),
        (1_000_000, "more than 1000000 bytes"),
    ):
        with pytest.raises(matnet.FormatError, match=message):
            open_mat(path, limit, isolation=False).variables["c"].value  # noqa: B018 - read when asked for


def test_the_limit_is_asked_before_memory_is_taken(tmp_path: Path) -> None:
    write_hdf5(tmp_path / "big.mat", {"x": Numeric(np.ones((1000, 1000)))})
    variable = open_mat(tmp_path / "big.mat", 1_000_000).variables["x"]
    with pytest.raises(matnet.FormatError) as refused:
        variable.value  # noqa: B018 - values are read when they are asked for
    assert str(refused.value) == "x: the file needs more than 1000000 bytes of memory; raise the limit if you trust it"


def test_an_hdf5_file_that_is_not_matlabs_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.mat", "w") as file:
        file["x"] = 1.0
    with pytest.raises(matnet.FormatError) as refused:
        matnet.load(tmp_path / "other.mat")
    message = (
        "not a MAT-file: it is an HDF5 file, but not one of MATLAB's; in MATLAB, save the network with "
        "save('net.mat', 'net') and open that file"
    )
    assert str(refused.value) == f"{tmp_path / 'other.mat'}: {message}"


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    data = (FIXTURES / "pump_v73.mat").read_bytes()
    cut = tmp_path / "cut.mat"
    for length in [*range(0, len(data), len(data) // 60), len(data) - 1]:
        cut.write_bytes(data[:length])
        with pytest.raises(matnet.FormatError):
            matnet.load(cut, isolation=False)


def test_a_function_handle_is_known_and_never_called() -> None:
    assert isinstance(values(FIXTURES / "values_v73.mat")["handle"], Function)


def test_an_unreadable_cell_of_the_subsystem_harms_only_what_asks_for_it(corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.mat"
    write_hdf5(path, values(corpus / "static_mcos_v9.mat"))
    with h5py.File(path, "r+") as file:
        cells = file["#subsystem#/MCOS"]
        last = file[cells[0, -1]].name
        del file[last]
        replacement = file.create_dataset(last, data=np.zeros(3))
        replacement.attrs["MATLAB_class"] = np.bytes_("double")
        cells[0, -1] = replacement.ref
    assert np.array_equal(matnet.load(path).parameters, matnet.load(corpus / "static_mcos_v9.mat").parameters)
    with h5py.File(path, "r+") as file:
        cells = file["#subsystem#/MCOS"]
        cells[0, 2] = cells[0, -1]
    with pytest.raises(matnet.ModelError) as refused:
        matnet.load(path)
    reason = "unreadable (broken: data of the shape (3,))"
    assert str(refused.value) == f"{path}: net: the network's fields are a {reason} 1x1, expected a struct"


def test_in_a_process_of_its_own_a_file_is_read_alike(corpus: Path, tmp_path: Path) -> None:
    for path in (FIXTURES / "values_v73.mat", FIXTURES / "pump_v73.mat"):
        assert all_differences(values(path, isolation=True), values(path)) == []
    write_hdf5(tmp_path / "objects.mat", values(corpus / "competitive_mcos_v9.mat"))
    ours, theirs = (matnet.load_all(tmp_path / "objects.mat", isolation=isolation) for isolation in (True, False))
    assert list(ours) == list(theirs) == ["net", "net3", "net_hex"]
    assert all(np.array_equal(ours[name].parameters, theirs[name].parameters) for name in theirs)


def test_in_a_process_of_its_own_a_file_is_refused_alike(tmp_path: Path) -> None:
    for case in ("a circle of references", "a soft link", "an infinite kind"):
        edit, message = REFUSED[case]
        with pytest.raises(matnet.FormatError) as refused:
            values(edited(tmp_path / "net.mat", edit), isolation=True)
        assert str(refused.value) == message
    (tmp_path / "net.mat").write_bytes((FIXTURES / "pump_v73.mat").read_bytes()[:4000])
    with pytest.raises(matnet.FormatError) as refused:
        matnet.load(tmp_path / "net.mat")
    assert str(refused.value).startswith(f"{tmp_path / 'net.mat'}: the file is cut off or broken: ")


def test_a_file_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "net.mat"
    for source in ("pump_v73.mat", "values_v73.mat", "pump_v73.mat"):
        file.write_bytes((FIXTURES / source).read_bytes())
        assert all_differences(values(file), values(FIXTURES / source, isolation=True)) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_crash_of_the_library_is_an_error_like_any_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    crash = "import os; from matnet import isolation; isolation.receive = lambda *_: os.kill(os.getpid(), 11)"
    *start, serve = isolation._PROGRAM.splitlines()
    monkeypatch.setattr(isolation, "_PROGRAM", "\n".join([*start, crash, serve]))
    file = FIXTURES / "pump_v73.mat"
    message = f"{file}: broken: the HDF5 library crashed (signal 11) when it read the file"
    readers: tuple[Callable[[Path], object], ...] = (
        matnet.load,
        StoredValues,
        lambda path: read_array(path, "x"),
        read_training_record,
        lambda path: load_scaling(f"{path}:ps"),
    )
    for read in readers:
        with pytest.raises(matnet.FormatError) as refused:
            read(file)
        assert str(refused.value) == message
    with pytest.raises(matnet.FormatError, match=r"the HDF5 library crashed \(signal 11\) when it read the file$"):
        training_record_paths(file)
    assert run(["inspect", str(file)]) == 2
    assert capsys.readouterr().err == f"matnet: {message}\n"
    assert run(["inspect", "--no-isolation", str(file)]) == 0
