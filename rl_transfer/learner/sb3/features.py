"""Feature extractors: the networks between the observation and the bodies, as Stable-Baselines3 wants them.

Pixels are scaled inside our own extractors (``normalize_images=False``), since backbones differ in what they expect.
Where the configuration says the same as Stable-Baselines3's own extractors, those are used, with its scaling
(``normalize_images=True``): the saved agent then loads without rl_transfer.
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from gymnasium import Space, spaces
from stable_baselines3.common.preprocessing import get_flattened_obs_dim
from stable_baselines3.common.torch_layers import (
    BaseFeaturesExtractor,
    CombinedExtractor,
    FlattenExtractor,
    NatureCNN,
)
from torch import Tensor, nn

from rl_transfer.errors import ConfigError
from rl_transfer.study import (
    FeaturesConfig,
    FlattenConfig,
    NatureCNNConfig,
    ResNetConfig,
    channels_first,
    choose_architectures,
    image_shape,
    is_byte_image,
)

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's colours between 0 and 1, as torchvision and transformers have them."""


def extractor_arguments(features: FeaturesConfig | None, observation_space: Space[Any]) -> dict[str, Any]:
    """The part of ``policy_kwargs`` that sets the feature extractor.

    Args:
        features: The architecture; None for what fits the observation space.
        observation_space: The training environment's, as the model gets it; before or after the library's own
            transposition of images.

    Raises:
        ConfigError: If the architecture does not fit, or needs a package that is missing.
    """
    chosen = choose_architectures(features, observation_space)
    if any(isinstance(one, ResNetConfig) for one in chosen.values()) and find_spec("transformers") is None:
        raise ConfigError("resnet needs another package: pip install rl-transfer[transformers]", key="features")
    if isinstance(observation_space, spaces.Dict):
        _refuse_keys(chosen)
    plain = is_plain(features, observation_space)
    extractor, arguments = (_plain_extractor if plain else _own_extractor)(chosen)
    return {"features_extractor_class": extractor, "features_extractor_kwargs": arguments, "normalize_images": plain}


def is_plain(features: FeaturesConfig | None, observation_space: Space[Any]) -> bool:
    """Whether the extractor is one of Stable-Baselines3's own, so that agents load without rl_transfer.

    Raises:
        ConfigError: If the architecture does not fit.
    """
    chosen = choose_architectures(features, observation_space)
    if not isinstance(observation_space, spaces.Dict):
        return _is_plain(chosen[""], observation_space)
    # The library's extractor for Dict spaces puts every image of bytes through a NatureCNN, and nothing else.
    return all(
        _is_plain(one, space) and is_byte_image(space) == isinstance(one, NatureCNNConfig)
        for one, space in zip(chosen.values(), observation_space.values(), strict=True)
    )


def _is_plain(architecture: FeaturesConfig, space: Space[Any]) -> bool:
    if isinstance(architecture, NatureCNNConfig):
        return architecture.input == "unit" and is_byte_image(space)
    return isinstance(architecture, FlattenConfig)


def _refuse_keys(keys: Mapping[str, object]) -> None:
    for key in keys:
        if "." in key or not key or hasattr(nn.ModuleDict(), key):
            raise ConfigError(f"an observation can't be called {key!r}: torch can't name a network so")


def _plain_extractor(chosen: Mapping[str, FeaturesConfig]) -> tuple[type[BaseFeaturesExtractor], dict[str, Any]]:
    sizes = [one.features_dim for one in chosen.values() if isinstance(one, NatureCNNConfig)]
    if "" not in chosen:
        return CombinedExtractor, {"cnn_output_dim": sizes[0]} if sizes else {}
    return (NatureCNN, {"features_dim": sizes[0]}) if sizes else (FlattenExtractor, {})


def _own_extractor(chosen: Mapping[str, FeaturesConfig]) -> tuple[type[BaseFeaturesExtractor], dict[str, Any]]:
    settings = {key: one.model_dump() for key, one in chosen.items()}
    if "" not in chosen:
        return DictExtractor, {"parts": settings}
    return _EXTRACTORS[settings[""].pop("name")], settings[""]


class Picture(nn.Module):
    """Brings images into the form that networks expect: channels first, pixels scaled.

    It has nothing in the state dictionary, so that networks carry over between channel orders and scalings.

    Args:
        space: Of the images.
        scaling: ``unit``, ``imagenet`` or ``raw``; see :class:`rl_transfer.study.ImageConfig`.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, space: spaces.Box, scaling: str) -> None:
        super().__init__()
        self.scaling = scaling
        # The library has transposed images of bytes by now; a guess from the shape would be a second one.
        self._first = is_byte_image(space) or channels_first(space)
        shape = image_shape(space)
        assert shape is not None, space
        self.shape: tuple[int, ...] = tuple(space.shape) if self._first else shape
        top = 255.0 if scaling != "raw" and space.high.max() == 255 else 1.0
        triples = self.shape[0] // 3 if scaling == "imagenet" else 0
        mean, std = (_MEAN * triples, _STD * triples) if triples else ((0.0,), (1.0,))
        self.register_buffer("shift", top * torch.tensor(mean).reshape(-1, 1, 1), persistent=False)
        self.register_buffer("scale", top * torch.tensor(std).reshape(-1, 1, 1), persistent=False)

    @property
    def space(self) -> spaces.Box:
        """Of what comes out; bounds are left open."""
        return spaces.Box(-np.inf, np.inf, self.shape, np.float32)

    def forward(self, images: Tensor) -> Tensor:
        """Scale a batch; B x the space's shape to B x channels x height x width."""
        ordered = images if self._first else images.permute(0, 3, 1, 2)
        return (ordered - self.shift) / self.scale


class _Convolutional(BaseFeaturesExtractor):
    """A picture, convolutions and a linear layer, named as in the library's NatureCNN."""

    def __init__(self, picture: Picture, cnn: nn.Sequential, linear: nn.Sequential, features_dim: int) -> None:
        super().__init__(picture.space, features_dim)
        self.picture = picture
        self.cnn = cnn
        self.linear = linear

    def forward(self, observations: Tensor) -> Tensor:
        features: Tensor = self.linear(self.cnn(self.picture(observations)))
        return features


def _linear(picture: Picture, cnn: nn.Sequential, features_dim: int) -> nn.Sequential:
    with torch.no_grad():
        size = cnn(torch.zeros(1, *picture.shape)).shape[1]
    return nn.Sequential(nn.Linear(size, features_dim), nn.ReLU())


class ScaledNatureCNN(_Convolutional):
    """NatureCNN for images that are no bytes, or scaled differently; settings as in the configuration."""

    def __init__(self, observation_space: spaces.Box, features_dim: int, input: str) -> None:
        picture = Picture(observation_space, input)
        theirs = NatureCNN(picture.space, features_dim, normalized_image=True)
        super().__init__(picture, theirs.cnn, theirs.linear, features_dim)


class SmallCNN(_Convolutional):
    """Unpadded 3 x 3 convolutions without stride; settings as in the configuration."""

    def __init__(self, observation_space: spaces.Box, features_dim: int, channels: Sequence[int], input: str) -> None:
        picture = Picture(observation_space, input)
        layers: list[nn.Module] = []
        for before, after in zip((picture.shape[0], *channels), channels, strict=False):
            layers += [nn.Conv2d(before, after, 3), nn.ReLU()]
        cnn = nn.Sequential(*layers, nn.Flatten())
        super().__init__(picture, cnn, _linear(picture, cnn, features_dim), features_dim)


class ImpalaCNN(_Convolutional):
    """IMPALA's residual network; settings as in the configuration."""

    def __init__(self, observation_space: spaces.Box, features_dim: int, channels: Sequence[int], input: str) -> None:
        picture = Picture(observation_space, input)
        layers: list[nn.Module] = []
        for before, after in zip((picture.shape[0], *channels), channels, strict=False):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.MaxPool2d(3, stride=2, padding=1)]
            layers += [_Residual(after), _Residual(after)]
        cnn = nn.Sequential(*layers, nn.ReLU(), nn.Flatten())
        super().__init__(picture, cnn, _linear(picture, cnn, features_dim), features_dim)


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        change: Tensor = self.second(torch.relu(self.first(torch.relu(maps))))
        return maps + change


class ResNet(BaseFeaturesExtractor):
    """The parts of transformers' ResNetModel under its own names, so that its files fit; the output is pooled."""

    def __init__(self, observation_space: spaces.Box, input: str, **settings: Any) -> None:
        from transformers import ResNetConfig as Settings
        from transformers import ResNetModel

        picture = Picture(observation_space, input)
        super().__init__(observation_space, settings["hidden_sizes"][-1])
        self.picture = picture
        model = ResNetModel(Settings(num_channels=picture.shape[0], **settings))
        self.embedder, self.encoder, self.pooler = model.embedder, model.encoder, model.pooler

    def forward(self, observations: Tensor) -> Tensor:
        """Pooled features; B x observation shape to B x features."""
        maps = self.encoder(self.embedder(self.picture(observations)))[0]
        features: Tensor = self.pooler(maps).flatten(1)
        return features


class DictExtractor(BaseFeaturesExtractor):
    """One extractor for each key, put side by side in the space's order; named as in the library's own.

    Args:
        observation_space: A Dict space.
        parts: By key an architecture's name and settings.
    """

    def __init__(self, observation_space: spaces.Dict, parts: Mapping[str, Mapping[str, Any]]) -> None:
        found = {key: _part(space, **parts[key]) for key, space in observation_space.spaces.items()}
        super().__init__(observation_space, sum(size for _, size in found.values()))
        self.extractors = nn.ModuleDict({key: network for key, (network, _) in found.items()})

    def forward(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Features of all keys; B x features."""
        return torch.cat([network(observations[key]) for key, network in self.extractors.items()], dim=1)


def _part(space: Space[Any], name: str, **settings: Any) -> tuple[nn.Module, int]:
    """The network of one key, and how many features it gives."""
    if name in _EXTRACTORS:
        extractor = _EXTRACTORS[name](space, **settings)
        return extractor, extractor.features_dim
    scaled = [Picture(space, "unit")] if isinstance(space, spaces.Box) and image_shape(space) else []
    return nn.Sequential(*scaled, nn.Flatten()), get_flattened_obs_dim(space)


_EXTRACTORS: dict[str, Any] = {
    "nature_cnn": ScaledNatureCNN,
    "small_cnn": SmallCNN,
    "impala_cnn": ImpalaCNN,
    "resnet": ResNet,
}
