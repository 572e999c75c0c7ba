"""The values that contain a model: the struct that a learner app exports, and the session that it saves."""

from __future__ import annotations

from collections.abc import Iterator

from matnet.errors import UnsupportedError
from matnet.importers.mat.paths import container, find
from matnet.importers.mat.values import MatFile, Struct, Value

_EXPORTED = frozenset({"predictFcn", "RequiredVariables", "About", "HowToPredict"})
"""The fields of the struct that a learner app exports, beside the model itself."""

_TRANSFORMATIONS = "mlearnapp.internal.model.transformation."
_SELECTION = f"{_TRANSFORMATIONS}TrainedManualFeatureSelection"
"""In a session, the columns by name on which a model was trained; all other transformations compute something."""


def check_surroundings(file: MatFile, path: str) -> None:
    """Refuses a model whose inputs are transformed before they reach it.

    Raises
    ------
    UnsupportedError
        The struct of a learner app has further fields, or a session transforms the predictors.
    """
    for place, value in surroundings(file, path):
        if isinstance(value, Struct) and value.fields.keys() >= {"predictFcn", "HowToPredict"}:
            model = path[len(place) + 1 :]
            further = [name for name in value.fields if name not in _EXPORTED and name != model]
            if further:
                raise UnsupportedError(
                    f"the learner app exported the further field {further[0]}: predictFcn transforms the predictors "
                    "before the model sees them, which is not supported; to use the model without it, save only the "
                    f"model: net = {path}; save('net.mat', 'net')",
                    place=place,
                )
        elif value.class_name.startswith(_TRANSFORMATIONS) and value.class_name != _SELECTION:
            name = value.class_name.removeprefix(_TRANSFORMATIONS)
            raise UnsupportedError(
                f"the learner app transforms the predictors before the model sees them ({name}), which is not "
                "supported",
                place=place,
            )


def surroundings(file: MatFile, path: str) -> Iterator[tuple[str, Value]]:
    """The values that contain the value at `path`, innermost first, each with its path."""
    while place := container(path):
        yield place, find(file, place)
        path = place
