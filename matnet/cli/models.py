"""The network, or ensemble of networks, that FILE and its options select."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matnet.cli.options import file_reading, loading, reworded
from matnet.cli.results import check_place, make_folder
from matnet.cli.speech import complain, note
from matnet.errors import FormatError, MatnetError, NoNetworkError, TableError, UnsupportedError
from matnet.files import is_several

if TYPE_CHECKING:
    from matnet.network import Ensemble, Network


NAMES_KEYS = ("inputs", "outputs", "units")


def load_network(options: dict[str, Any]) -> Network:
    """The network that FILE and --network name, with the scaling that was kept outside it.

    Raises
    ------
    MatnetError
        FILE cannot be loaded, or several networks match.
    """
    from matnet.network import Network

    model = load_model(options)
    if isinstance(model, Network):
        return model
    raise UnsupportedError(
        "these are several networks, and this command is for one; name one with --network. predict, gradients, "
        "sensitivity and plot take the mean of several; check, trace, formula, convert and report each of them",
        place=options["file"],
    )


def load_model(options: dict[str, Any]) -> Network | Ensemble:
    """The network, or ensemble of networks, that FILE and --network name, with the scaling that was kept outside.

    Raises
    ------
    MatnetError
        FILE cannot be loaded, nothing matches, members take different inputs, or there is no such scaling.
    """
    return ensemble(load_members(options), options)


def load_members(options: dict[str, Any]) -> Network | dict[str, Network]:
    """The network that FILE and --network name, or several by their names, with the scaling that was kept outside.

    A name is that of ``matnet.load_all``: the network's path, after its file where FILE is a folder or a pattern.

    Raises
    ------
    MatnetError
        FILE cannot be loaded, nothing matches, or there is no such scaling.
    """
    file = options["file"]
    networks = _several(file, options["network"])
    if networks is None:
        import matnet

        return completed(matnet.load(file, network=options["network"], **loading()), options)
    return {name: completed(network, options) for name, network in networks.items()}


def ensemble(members: Network | dict[str, Network], options: dict[str, Any]) -> Network | Ensemble:
    """Several networks as one, their mean.

    Raises
    ------
    MatnetError
        They take different inputs, or give different outputs.
    """
    from matnet.network import Ensemble

    if not isinstance(members, dict):
        return members
    try:
        return Ensemble(members)
    except MatnetError as error:
        raise error.at(options["file"]) from error.__cause__


def named_alike(members: dict[str, Network], model: Network | Ensemble) -> dict[str, Network]:
    """The members of an ensemble with its names, which are those that any of them has."""
    inputs, outputs = model.input_names, model.output_names
    return {
        name: net
        if (net.input_names, net.output_names) == (inputs, outputs)
        else net.with_names(inputs=inputs, outputs=outputs)
        for name, net in members.items()
    }


def label(file: str, net: Network) -> str:
    """A network's file, and its path within it if it has one; an archive has none, but its network may have had."""
    own = Path(file).name
    path = net.provenance.path if net.provenance.file == own else None
    return f"{own}:{path}" if path else own


def file_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names of networks as names of files: letters, digits and _ alone, and no two the same, in capitals or not."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        text = re.sub(r"\W+", "_", re.sub(r"\.(mat|json|m)\b", "", name, flags=re.IGNORECASE)).strip("_") or "network"
        found.append(next(made for made in _candidates(text) if made.casefold() not in taken))
        taken.add(found[-1].casefold())
    return tuple(found)


def _candidates(text: str) -> Iterator[str]:
    yield text
    yield from (f"{text}_{number}" for number in itertools.count(2))


def member_places(template: str, names: Sequence[str], options: dict[str, Any]) -> list[str]:
    """The places of the results of several networks, where `template` has {name}; a folder that is missing is made.

    Raises
    ------
    TableError
        There is no {name}, a file may not be replaced, or the folder cannot be made.
    """
    if "{name}" not in template:
        raise TableError(
            "these are several networks: write {name} in OUT for the name of each, as in net_{name}.c, or name one of "
            "them with --network",
            place=template,
        )
    places = [template.replace("{name}", name) for name in names]
    for place in places:
        check_place(place, options)
        make_folder(Path(place).parent)
    return places


def remark_on_steps(model: Network | Ensemble) -> None:
    """Warn once about layers whose derivative is 0 because their transfer function is a step function."""
    from matnet.functions.transfer import TRANSFER
    from matnet.network import Ensemble

    networks = model.networks if isinstance(model, Ensemble) else (model,)
    layers = [(number, layer.transfer) for net in networks for number, layer in enumerate(net.structure.layers, 1)]
    steps = dict.fromkeys(f"layer {number} ({name})" for number, name in layers if TRANSFER[name].stepwise)
    if steps:
        note(f"{', '.join(steps)}: a step function, so every derivative through it is 0")


def holds_networks(name: str) -> bool:
    """Whether a name means files of networks: by its suffix, or for a folder or pattern by those of its files."""
    from matnet.importers.load import SUFFIXES, files

    if not is_several(name):
        return Path(name).suffix.lower() in SUFFIXES
    try:
        return bool(files(name))
    except MatnetError:
        return False


def report_failure(file: str, error: MatnetError, failures: list[dict[str, str]]) -> None:
    """Report a file, or a network in it, that cannot be used, and continue."""
    message = reworded(error)
    complain(message)
    failures.append({"file": file, "error": message})


def all_networks(
    names: Sequence[str], options: dict[str, Any], failures: list[dict[str, str]]
) -> Iterator[tuple[str, Network]]:
    """All networks of several files, folders and patterns, with their files; what cannot be used is reported."""
    import matnet

    for file, alone in expanded_files(names, failures):
        leave_out = partial(report_failure, file, failures=failures)
        try:
            networks = matnet.load_all(file, **loading(), on_error=leave_out)
            yield from ((file, completed(net, {"file": file, **options})) for net in networks.values())
        except MatnetError as error:
            if alone or not isinstance(error, NoNetworkError):
                report_failure(file, error, failures)


def expanded_files(names: Sequence[str], failures: list[dict[str, str]]) -> Iterator[tuple[str, bool]]:
    """The files of all arguments, folders and patterns expanded, each with whether it was named itself."""
    from matnet.importers.load import files

    for name in names:
        if not is_several(name):
            yield name, True
            continue
        try:
            yield from ((str(found), False) for _, found in files(name))
        except MatnetError as error:
            report_failure(name, error, failures)


def _several(file: str, network: str | None) -> dict[str, Network] | None:
    """The networks of a folder, a pattern of files, or a path with a colon; None if a single one is meant."""
    import matnet

    if is_several(file):
        if network is not None:
            raise FormatError("--network names a network in one file, but these are several", place=file)
        return matnet.load_all(file, **loading())
    paths = [] if network is None else re.split(r",(?![^{(]*[})])", re.sub(r"\s", "", network))
    if len(paths) < 2 and ":" not in "".join(paths):
        return None
    networks = matnet.load_all(file, **loading())
    members = {path: net for wanted in paths for path, net in networks.items() if _pattern(wanted).fullmatch(path)}
    unmatched = [wanted for wanted in paths if not any(map(_pattern(wanted).fullmatch, networks))]
    if unmatched:
        raise FormatError(f"no network matches {unmatched[0]}; there are {', '.join(networks)}", place=file)
    return members


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(":", r"\d+"))


def completed(net: Network, options: dict[str, Any]) -> Network:
    """The network with the names and scaling that are kept outside its file."""
    net = _named(net, options.get("names"))
    names = options.get("input_scaling", ()), options.get("output_scaling", ())
    if not any(names):
        return net
    from matnet.importers.scaling import load_scaling

    file = options["file"]
    inputs, outputs = ([load_scaling(name, file, **file_reading()) for name in side] or None for side in names)
    try:
        return net.with_scaling(inputs=inputs, outputs=outputs)
    except MatnetError as error:
        raise error.at(file) from error.__cause__


def _named(net: Network, file: str | None) -> Network:
    if file is None:
        return net
    import json

    try:
        names = json.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}", place=file) from error
    except ValueError as error:
        raise FormatError(f"is not JSON: {error}", place=file) from error
    if not isinstance(names, dict) or not set(names) <= set(NAMES_KEYS):
        raise FormatError(f"expected an object with {', '.join(NAMES_KEYS)}", place=file)
    for key in ("inputs", "outputs"):
        if not isinstance(names.get(key, []), list):
            raise FormatError(f"{key}: expected a list of names", place=file)
    try:
        return net.with_names(**names)
    except MatnetError as error:
        raise error.at(file) from error.__cause__
