"""What stands between the observation and a learner's bodies: architectures, their settings, which one fits a space."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt, field_validator
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from rl_transfer.errors import ConfigError, nearest
from rl_transfer.study.base import Frozen, Many
from rl_transfer.study.yaml_file import shown

if TYPE_CHECKING:
    from gymnasium import Space

Scaling = Literal["unit", "imagenet", "raw"]
Sizes = Annotated[Many[PositiveInt], Field(min_length=1)]
NATURE_SIDE = 36
"""Pixels a side that the strides of NatureCNN need."""


class FlattenConfig(Frozen):
    """The observation as one row of numbers; nothing to train."""

    name: Literal["flatten"] = "flatten"


class ImageConfig(Frozen):
    """What all networks for images have.

    Attributes:
        input: How pixels are scaled. ``unit``: images that reach up to 255 are divided by 255, others (MinAtar's 0
            and 1) taken as they are. ``imagenet``: in addition ImageNet's mean is subtracted and the result divided by
            its standard deviation, which is what backbones trained there expect. ``raw``: taken as they are.
    """

    name: str
    input: Scaling = "unit"

    @property
    def smallest_side(self) -> int:
        """Pixels a side below which the network can't be applied."""
        return 3


class NatureCNNConfig(ImageConfig):
    """The network of DQN on Atari (Mnih et al. 2015), in Stable-Baselines3's form and with its default."""

    name: Literal["nature_cnn"] = "nature_cnn"
    features_dim: PositiveInt = 512

    @property
    def smallest_side(self) -> int:
        """Pixels a side that its strides need."""
        return NATURE_SIDE


class SmallCNNConfig(ImageConfig):
    """3 x 3 convolutions without stride, for grids; defaults: MinAtar's example agents (Young and Tian 2019).

    Attributes:
        channels: Output channels of each convolution.
        features_dim: Size of the linear layer after them.
    """

    name: Literal["small_cnn"] = "small_cnn"
    channels: Sizes = (16,)
    features_dim: PositiveInt = 128

    @property
    def smallest_side(self) -> int:
        """Each convolution takes one pixel from every side."""
        return 1 + 2 * len(self.channels)


class ImpalaCNNConfig(ImageConfig):
    """IMPALA's deep residual network (Espeholt et al. 2018, figure 3), without its recurrent part.

    Attributes:
        channels: Output channels of each sequence of convolution, pooling and two residual blocks.
        features_dim: Size of the linear layer after them.
    """

    name: Literal["impala_cnn"] = "impala_cnn"
    channels: Sizes = (16, 32, 32)
    features_dim: PositiveInt = 256


class ResNetConfig(ImageConfig):
    """A residual network (He et al. 2016) as in transformers, under its names; defaults: ResNet-18, pooled output.

    Attributes:
        embedding_size: Output channels of the first convolution.
        hidden_sizes: Output channels of each stage; the last is the number of features.
        depths: Blocks of each stage.
        layer_type: ``basic`` up to ResNet-34, ``bottleneck`` from ResNet-50 on.
    """

    name: Literal["resnet"] = "resnet"
    input: Scaling = "imagenet"
    embedding_size: PositiveInt = 64
    layer_type: Literal["basic", "bottleneck"] = "basic"
    hidden_sizes: Sizes = (64, 128, 256, 512)
    depths: Annotated[Sizes, Field(validate_default=True)] = (2, 2, 2, 2)

    @field_validator("hidden_sizes")
    @classmethod
    def _divisible(cls, sizes: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        if info.data.get("layer_type") == "bottleneck" and any(size % 4 for size in sizes):
            raise PydanticCustomError("sizes", "must be multiples of 4 in bottleneck layers")
        return sizes

    @field_validator("depths")
    @classmethod
    def _one_for_each_stage(cls, depths: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        if (stages := len(info.data.get("hidden_sizes", depths))) != len(depths):
            rule = "depths must have as many entries as hidden_sizes ({stages})"
            raise PydanticCustomError("depths", rule, {"stages": stages})
        return depths


_CLASSES = (FlattenConfig, NatureCNNConfig, SmallCNNConfig, ImpalaCNNConfig, ResNetConfig)
ARCHITECTURES: dict[str, type[Frozen]] = {cls.model_fields["name"].default: cls for cls in _CLASSES}
"""The configuration of each architecture by its name."""


def _read_short_form(data: Any) -> Any:
    """Either ``name``, or ``{name: {setting: value}}``, or what is stored: ``{name: ..., setting: value}``."""
    if isinstance(data, Frozen):
        return data
    if isinstance(data, str):
        data = {data: None}
    if isinstance(data, dict) and "name" not in data:
        data = _stored_form(data)
    if not isinstance(data, dict):
        raise PydanticCustomError("features", "must be one name, or one 'name: {setting: value}'")
    if not isinstance(data["name"], str) or data["name"] not in ARCHITECTURES:
        text = f"{shown(data['name'])} is not known; {nearest(str(data['name']), ARCHITECTURES)}"
        raise PydanticCustomError("name", "{text}", {"text": text})
    return data


def _stored_form(data: dict[Any, Any]) -> dict[Any, Any] | None:
    ((name, settings),) = data.items() if len(data) == 1 else ((None, None),)
    if name is None or (name in ARCHITECTURES and not isinstance(settings, dict | None)):
        return None
    settings = settings if isinstance(settings, dict) else {}
    if "name" in settings:
        raise PydanticCustomError("name", "{name} has no setting 'name'", {"name": name})
    return {"name": name, **settings}


FeaturesConfig = Annotated[
    FlattenConfig | NatureCNNConfig | SmallCNNConfig | ImpalaCNNConfig | ResNetConfig,
    Field(discriminator="name"),
    BeforeValidator(_read_short_form),
]


def image_shape(space: "Space[Any]") -> tuple[int, int, int] | None:
    """Channels, height and width of an image; None for a space of anything else.

    An image is a Box of three dimensions.
    """
    from gymnasium import spaces

    if not isinstance(space, spaces.Box) or len(space.shape) != 3:
        return None
    first, second, third = space.shape
    return (first, second, third) if channels_first(space) else (third, first, second)


def channels_first(space: "Space[Any]") -> bool:
    """Whether an image's channels are its first dimension.

    For images of bytes this is Stable-Baselines3's rule, since it transposes them by it: yes if no other dimension is
    smaller. Others come as the environment gives them, by Gymnasium's custom channels last: the first dimension must be
    smaller than both others (MinAtar's Seaquest is 10 x 10 x 10).
    """
    first, second, third = space.shape or (0, 0, 0)
    smallest = min(second, third)
    return first <= smallest if is_byte_image(space) else first < smallest


def is_byte_image(space: "Space[Any]") -> bool:
    """Whether Stable-Baselines3 takes a space for an image: bytes from 0 to 255 in three dimensions."""
    from gymnasium import spaces

    return (
        isinstance(space, spaces.Box)
        and len(space.shape) == 3
        and space.dtype.name == "uint8"
        and bool((space.low == 0).all() and (space.high == 255).all())
    )


def choose_architectures(features: FeaturesConfig | None, observation_space: "Space[Any]") -> dict[str, FeaturesConfig]:
    """What each part of an observation goes through.

    Args:
        features: For all images; None for what fits their size.
        observation_space: The training environment's, before or after images were transposed.

    Returns:
        By key of a Dict observation; under the empty key for any other. Whatever is no image is flattened.

    Raises:
        ConfigError: If the architecture does not fit.
    """
    from gymnasium import spaces

    parts = observation_space.spaces if isinstance(observation_space, spaces.Dict) else {"": observation_space}
    if isinstance(features, ImageConfig) and all(image_shape(space) is None for space in parts.values()):
        what = f"{features.name} is for images of three dimensions, the observation has none"
        raise ConfigError(f"{what}: leave features out", key="features")
    return {key: _architecture(features, space, key) for key, space in parts.items()}


def _architecture(features: FeaturesConfig | None, space: "Space[Any]", key: str) -> FeaturesConfig:
    shape = image_shape(space)
    if shape is None:
        return FlattenConfig()
    if features is None:
        return _by_size(min(shape[1:]))
    if isinstance(features, ImageConfig):
        _refuse_misfit(features, space, shape, f"observation {key!r}" if key else "the observation")
    return features


def _by_size(side: int) -> FeaturesConfig:
    if side >= NATURE_SIDE:
        return NatureCNNConfig()
    small = SmallCNNConfig()
    return small if side >= small.smallest_side else FlattenConfig()


def _refuse_misfit(features: ImageConfig, space: Any, shape: tuple[int, int, int], what: str) -> None:
    channels, height, width = shape
    least = features.smallest_side
    if min(height, width) < least:
        fits = _by_size(min(height, width)).name
        problem = f"needs at least {least} x {least} pixels, {what} has {height} x {width}: {fits} would fit"
    elif features.input != "imagenet":
        return
    elif channels % 3:
        problem = f"with input: imagenet needs colours (3 channels), {what} has {channels}: use input: unit"
    elif space.low.min() < 0 or (space.high.max() > 1 and space.high.max() != 255):
        problem = f"with input: imagenet needs pixels from 0 to 1 or 0 to 255, {what} has others: use input: raw"
    else:
        return
    raise ConfigError(f"{features.name} {problem}", key="features")


def has_parameters(features: FeaturesConfig | None, observation_space: "Space[Any]") -> bool:
    """Whether a learner has anything in its ``features`` role.

    Raises:
        ConfigError: If the architecture does not fit.
    """
    chosen = choose_architectures(features, observation_space)
    return not all(isinstance(one, FlattenConfig) for one in chosen.values())
