"""What a pair says about tasks whose spaces differ: which source index each target index takes."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Discriminator, Field, NonNegativeInt, Tag, model_validator
from pydantic_core import PydanticCustomError

from rl_transfer.study.base import Frozen, Many, Text


def _not_zero(scale: float) -> float:
    if scale == 0:
        raise PydanticCustomError("scale", "must be a number other than 0 (for none, write null as the whole entry)")
    return scale


class EntryConfig(Frozen):
    """The source index that a target index takes, and a factor; in YAML also the bare index.

    Attributes:
        index: Counted from 0.
        scale: An observation reaches the source's networks multiplied by it; an action leaves them multiplied by it.
    """

    index: NonNegativeInt
    scale: Annotated[float, AfterValidator(_not_zero)] = 1.0

    @model_validator(mode="before")
    @classmethod
    def _read_short_form(cls, data: Any) -> Any:
        if isinstance(data, int) and not isinstance(data, bool):
            return {"index": data}
        if not isinstance(data, dict | EntryConfig):
            raise PydanticCustomError("entry", "must be a source index, null, or {index: 0, scale: 1.0}")
        return data


Entries = Many[EntryConfig | None]
"""One entry for each target index; None takes nothing."""


class ChannelsConfig(Frozen):
    """Images: the source channel that each target channel takes. Sizes are adapted without being asked."""

    channels: Entries


class KeyConfig(Frozen):
    """One key of a Dict observation; in YAML also the bare name of the source's key.

    Attributes:
        source: The source's key; ``from`` in YAML.
        index: For vectors; by default as in the source.
        channels: For images; by default as in the source.
    """

    source: Text
    index: Entries | None = None
    channels: Entries | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_yaml_form(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"source": data}
        if not isinstance(data, dict):
            return data
        if not {"from", "source"} & data.keys():
            raise PydanticCustomError("key", "must name the source's key, as in {from: position}")
        # Python has no field called "from".
        return {"source" if name == "from" else name: value for name, value in data.items()}

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.index is not None and self.channels is not None:
            raise PydanticCustomError("kind", "must have index (vectors) or channels (images)")
        return self


def _kind(value: Any) -> str | None:
    """Which form of an observation's mapping this is; names that no file has as keys."""
    if isinstance(value, list | tuple):
        return "<indices>"
    if isinstance(value, ChannelsConfig):
        return "<channels>"
    if not isinstance(value, dict):
        return None
    return "<channels>" if isinstance(value.get("channels"), list | tuple) else "<keys>"


ObservationConfig = Annotated[
    Annotated[Entries, Tag("<indices>")]
    | Annotated[ChannelsConfig, Tag("<channels>")]
    | Annotated[dict[str, KeyConfig | None], Tag("<keys>")],
    Discriminator(
        _kind,
        custom_error_type="observation",
        custom_error_message="must be a list of source indices, {channels: [...]}, or {key: {from: key}}",
    ),
]


class MappingConfig(Frozen):
    """How a target's observations and actions follow from the source's; what is not given must be the same in both.

    Attributes:
        observation: For each index of the flattened target observation (a Discrete one counts as one index a state)
            the source index that it takes; for images by channel; for Dict observations by target key.
        action: For each target action (Discrete) or action dimension the source's.

    An empty list takes nothing at all, which is the only mapping between spaces of two kinds.
    """

    observation: ObservationConfig | None = Field(default=None)
    action: Entries | None = None
