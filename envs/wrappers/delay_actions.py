"""Actions that take effect late."""

import copy
from collections import deque
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from rl_transfer_envs._checks import whole


class DelayActions(gymnasium.ActionWrapper[Any, Any, Any], RecordConstructorArgs):
    """Gives the environment the agent's action of some steps ago.

    Until that many steps of an episode have passed, the environment receives `first_action`, or, where that is not set,
    the agent's first action of the episode.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, steps: int, first_action: int | list[float] | None = None
    ) -> None:
        """Wraps an environment.

        Args:
            env: The environment, with any action space.
            steps: How many steps late, at least 0; with 0 nothing changes.
            first_action: What the environment receives before the agent's first action is due: an element of a
                Discrete or Box action space (as a list of its shape); null for the agent's first action.

        Raises:
            ValueError: `steps` is out of its range, or `first_action` is not in the action space.
        """
        steps = whole("steps", steps, least=0)
        first = None if first_action is None else _element(first_action, env.action_space)
        plain = None if first is None else np.asarray(first).tolist()
        RecordConstructorArgs.__init__(self, steps=steps, first_action=plain)
        gymnasium.ActionWrapper.__init__(self, env)
        self._steps = steps
        self._first_action = first
        self._waiting: deque[Any] = deque()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode, without the actions that still wait; see `gymnasium.Env.reset`.

        Args:
            seed: Reseeds the environment.
            options: Handed to the environment.

        Returns:
            The environment's first observation and info.
        """
        self._waiting.clear()
        return self.env.reset(seed=seed, options=options)

    def action(self, action: Any) -> Any:
        """The action that is due.

        Args:
            action: The agent's newest action.

        Returns:
            What the environment receives.
        """
        newest = copy.deepcopy(action)
        if not self._waiting:
            first = newest if self._first_action is None else self._first_action
            self._waiting.extend(copy.deepcopy(first) for _ in range(self._steps))
        self._waiting.append(newest)
        return self._waiting.popleft()


def _element(value: Any, space: spaces.Space[Any]) -> Any:
    try:
        element = np.asarray(value, space.dtype) if isinstance(space, spaces.Box) else value
    except (TypeError, ValueError):
        element = None
    if element is None or isinstance(value, bool) or not space.contains(element):
        raise ValueError(f"first_action must be in {space}, got {value!r}")
    return element
