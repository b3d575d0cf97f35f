"""Actions that last for several steps."""

from typing import Any

import gymnasium
from gymnasium.utils import RecordConstructorArgs
from gymnasium.wrappers import RepeatAction

from rl_transfer_envs._checks import whole


class RepeatActions(RepeatAction[Any, Any]):
    """Gives the environment each action several times; the rewards are summed, the last observation is shown.

    Repeating stops where the episode ends. A step of the agent is one decision, and is counted (and charged) as one,
    while the environment makes up to `count`: what the field calls frame skip, so that a budget of 1,000 steps at
    `count` 4 is up to 4,000 of the environment's. A time limit around the environment, inside of this wrapper, goes on
    counting the environment's steps: 500 of them at `count` 4 are 125 of the agent's.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, count: int) -> None:
        """Wraps an environment.

        Args:
            env: The environment.
            count: Steps of the environment for each of the agent's, at least 1; with 1 nothing changes.

        Raises:
            ValueError: `count` is out of its range.
        """
        count = whole("count", count, least=1)
        RecordConstructorArgs.__init__(self, count=count)
        super().__init__(env, num_repeats=count)
