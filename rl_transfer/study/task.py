"""What one environment to learn is, in configuration."""

from pydantic import Field, JsonValue, PositiveInt

from rl_transfer.study.base import Frozen, Many, Named, Text


class TaskConfig(Frozen):
    """One environment to learn: Gymnasium id, keyword arguments, wrappers (innermost first)."""

    id: Text
    kwargs: dict[str, JsonValue] = Field(default={})
    wrappers: Many[Named] = ()
    max_episode_steps: PositiveInt | None = None
