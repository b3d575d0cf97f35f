"""Actions that sometimes stick."""

import copy
from typing import Any

import gymnasium
from gymnasium.utils import RecordConstructorArgs

from rl_transfer_envs._checks import number
from rl_transfer_envs.wrappers._own_generator import OwnGenerator


class StickyActions(gymnasium.ActionWrapper[Any, Any, Any], RecordConstructorArgs):
    """Gives the environment, now and then, what it received in the step before in place of the agent's action.

    Machado et al., "Revisiting the Arcade Learning Environment" (2018), section 5.2, where the probability is 0.25. An
    episode's first action never sticks. The draws have their own generator (those of Gymnasium's StickyAction disturb
    the environment's): a seed given to `reset` reseeds it, a reset without one lets it run on.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, probability: float = 0.25) -> None:
        """Wraps an environment.

        Args:
            env: The environment, with any action space.
            probability: That the last action is repeated, in [0, 1]; with 0 nothing changes.

        Raises:
            ValueError: `probability` is out of its range.
        """
        self._probability = number("probability", probability, least=0.0, most=1.0)
        RecordConstructorArgs.__init__(self, probability=self._probability)
        gymnasium.ActionWrapper.__init__(self, env)
        self._own = OwnGenerator(self, b"stic")
        self._last: Any = None
        self._started = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Reseeds the environment and the draws.
            options: Handed to the environment.

        Returns:
            The environment's first observation and info.
        """
        self._own.reseed(seed)
        self._started = False
        return self.env.reset(seed=seed, options=options)

    def action(self, action: Any) -> Any:
        """The agent's action, or the last one.

        Args:
            action: The agent's action.

        Returns:
            What the environment receives.

        Raises:
            RuntimeError: The environment was never reset.
        """
        sticks = self._own.numbers.random() < self._probability
        if not (sticks and self._started):
            self._last = copy.deepcopy(action)
        self._started = True
        return self._last
