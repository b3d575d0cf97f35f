"""Running statistics estimated from transitions, where nobody kept any."""

import numpy as np
from numpy.typing import NDArray

from rl_transfer.knowledge.experience import Transitions, named_arrays
from rl_transfer.knowledge.statistics import Moments, Statistics


def estimate_statistics(transitions: Transitions, like: Statistics, discount: float) -> Statistics:
    """The statistics that a learner would keep had it seen just these transitions.

    Args:
        transitions: At least one, with observations as environments give them.
        like: Statistics with the parts that are wanted.
        discount: The learner's, for the discounted return that rewards are divided by the deviation of.

    Returns:
        Mean and variance of the observations, and of the discounted sum of each episode's rewards up to each step.
    """
    columns = named_arrays("", transitions.observation_N)
    observation = {key: _moments(columns[f"/{key}" if key else key]) for key in like.observation}
    reward = None if like.reward is None else _moments(_discounted_sums(transitions, discount))
    return Statistics(observation, reward)


def _moments(array_N: NDArray[np.float64]) -> Moments:
    numbers = array_N.astype(np.float64)
    return Moments(numbers.mean(axis=0), numbers.var(axis=0), float(len(numbers)))


def _discounted_sums(transitions: Transitions, discount: float) -> NDArray[np.float64]:
    found = np.zeros(len(transitions))
    total = 0.0
    rewards, ends = transitions.reward_N.astype(np.float64).tolist(), transitions.episode_end_N.tolist()
    for index, (reward, ends_here) in enumerate(zip(rewards, ends, strict=True)):
        found[index] = total = total * discount + reward
        if ends_here:
            total = 0.0
    return found
