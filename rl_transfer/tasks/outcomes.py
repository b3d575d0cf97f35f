"""What a task says of given transitions, where it can."""

from typing import Any

import gymnasium

from rl_transfer.errors import ConfigError
from rl_transfer.tasks.meter import Charged
from rl_transfer_envs.outcomes import Outcomes, find_outcomes


def task_outcomes(env: gymnasium.Env[Any, Any]) -> Outcomes:
    """The function of a task's environment that tells rewards and terminations of given transitions.

    Args:
        env: The environment with its wrappers, charged or not.

    Raises:
        ConfigError: If it has none.
    """
    try:
        return find_outcomes(env, transparent=(Charged,))
    except LookupError as error:
        what = f"the target can't tell the rewards of given transitions: {error}"
        raise ConfigError(f"{what}; give it one, or set relabel: false", key="relabel") from error
