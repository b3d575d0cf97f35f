"""Observations that arrive late."""

import copy
from typing import Any

import gymnasium
from gymnasium.utils import RecordConstructorArgs
from gymnasium.wrappers import DelayObservation

from rl_transfer_envs._checks import whole


class DelayObservations(DelayObservation[Any, Any]):
    """Shows the observation of some steps ago; rewards and the ends of episodes are not delayed.

    Until that many steps have passed, the episode's first observation is shown. (Gymnasium's DelayObservation shows
    zeros, which may lie outside of the space.)
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, steps: int) -> None:
        """Wraps an environment.

        Args:
            env: The environment, with any observation space.
            steps: How many steps late, at least 0; with 0 nothing changes.

        Raises:
            ValueError: `steps` is out of its range.
        """
        steps = whole("steps", steps, least=0)
        RecordConstructorArgs.__init__(self, steps=steps)
        super().__init__(env, delay=steps)

    def observation(self, observation: Any) -> Any:
        """The observation that is due.

        Args:
            observation: The environment's newest observation.

        Returns:
            The observation of `steps` steps ago, or the episode's first.
        """
        if not self.observation_queue:
            # Copies: whoever gets one may change it.
            self.observation_queue.extend(copy.deepcopy(observation) for _ in range(self.delay))
        return super().observation(copy.deepcopy(observation))
