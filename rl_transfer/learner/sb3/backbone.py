"""Backbones from other people's files: which of their tensors are which of a feature extractor's."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import Space, spaces
from numpy.typing import NDArray

from rl_transfer.errors import ConfigError
from rl_transfer.learner.sb3.features import extractor_arguments
from rl_transfer.study import FeaturesConfig, image_shape, is_byte_image

_PREFIXES = ("module.", "model.", "resnet.", "features_extractor.", "features.", "encoder.")
_SHOWN = 5


def backbone_tensors(
    features: FeaturesConfig | None, observation_space: Space[Any], tensors: Mapping[str, NDArray[Any]]
) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """Rename the tensors of a foreign file to those of the extractor.

    Prefixes such as ``resnet.`` or ``features_extractor.`` are stripped until a name fits. With a Dict observation
    every image gets the backbone.

    Args:
        features: The architecture.
        observation_space: The training environment's.
        tensors: The file's, by name.

    Returns:
        All tensors of the extractor by its own names, in its precision (but for batch counts that the file lacks),
        and the file's names that it has no place for: classifiers, policies.

    Raises:
        ConfigError: If tensors are missing, left over inside the backbone, named twice or of other shapes; all wrong
            ones are named.
    """
    own = _own_tensors(features, observation_space)
    places = {name: _places(name, own) for name in tensors}
    _refuse_unfit(own, places, tensors)
    found = {place: tensors[name].astype(own[place].dtype) for name, here in places.items() for place in here}
    return found, tuple(name for name, here in places.items() if not here)


def _own_tensors(features: FeaturesConfig | None, observation_space: Space[Any]) -> dict[str, NDArray[Any]]:
    arguments = extractor_arguments(features, observation_space)
    with torch.random.fork_rng(devices=[]):
        extractor = arguments["features_extractor_class"](
            _transposed(observation_space), **arguments["features_extractor_kwargs"]
        )
    return {name: tensor.numpy() for name, tensor in extractor.state_dict().items()}


def _transposed(space: Space[Any]) -> Space[Any]:
    """The space after the library transposed images of bytes, which it does in front of every extractor."""
    if isinstance(space, spaces.Dict):
        return spaces.Dict([(key, _transposed(part)) for key, part in space.items()])
    return spaces.Box(0, 255, image_shape(space), np.uint8) if is_byte_image(space) else space


def _places(name: str, own: Mapping[str, object]) -> tuple[str, ...]:
    """The extractor's tensors that a foreign one is; several where several images share the architecture."""
    for candidate in _candidates(name):
        if here := tuple(place for place in own if candidate in (place, _inside(place))):
            return here
    return ()


def _candidates(name: str) -> list[str]:
    """The name, and what is left of it with one prefix after the other stripped."""
    found = [name]
    while prefix := next((one for one in _PREFIXES if found[-1].startswith(one)), None):
        found.append(found[-1].removeprefix(prefix))
    return found


def _inside(place: str) -> str:
    """A tensor's name inside its own extractor: ``extractors.KEY.`` is stripped."""
    return place.split(".", 2)[2] if place.startswith("extractors.") else place


def _refuse_unfit(
    own: Mapping[str, NDArray[Any]], places: Mapping[str, tuple[str, ...]], tensors: Mapping[str, NDArray[Any]]
) -> None:
    taken = [place for here in places.values() for place in here]
    stems = {_inside(place).split(".")[0] for place in own}
    problems = {
        "missing": [n for n in own if n not in taken and not n.endswith("num_batches_tracked")],
        "named twice": sorted({place for place in taken if taken.count(place) > 1}),
        "not in this architecture": [
            name
            for name, here in places.items()
            if not here and any(c.split(".")[0] in stems for c in _candidates(name))
        ],
        "of another shape": [
            f"{place} {tensors[name].shape} instead of {own[place].shape}"
            for name, here in places.items()
            for place in here
            if tensors[name].shape != own[place].shape
        ],
    }
    texts = [f"{what}: {_listed(names)}" for what, names in problems.items() if names]
    if texts:
        raise ConfigError(f"the backbone does not fit the features configured; {'; '.join(texts)}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
