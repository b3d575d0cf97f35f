"""Measure a pair's score anchors `random` and `worst` on its target; `reference` is what a good agent reaches.

``python scripts/measure_anchors.py PAIR`` takes a shipped name or a path. `random` is the mean return of uniformly
random actions; `worst` is the lowest return of a single episode among those and every constant action (where actions
can be counted): what hardly any policy falls below.
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from rl_transfer.study import TaskConfig, load_study
from rl_transfer.tasks import evaluate, make

EPISODES = 1000


def main(pair: str) -> None:
    """Print the anchors of a pair."""
    target = load_study(pair).pairs[0].config.target
    space = make(target).action_space
    space.seed(0)
    random = returns(target, lambda count: np.array([space.sample() for _ in range(count)]))
    lowest = random.min()
    if isinstance(space, gymnasium.spaces.Discrete):
        for action in range(int(space.start), int(space.start + space.n)):
            lowest = min(lowest, returns(target, partial(np.full, fill_value=action)).min())
    print(f"random: {random.mean():.1f}, worst: {lowest:.1f}  ({EPISODES} episodes each)")


def returns(task: TaskConfig, choose: Callable[[int], Any]) -> NDArray[np.float64]:
    """Returns of the episodes of a policy that sees nothing."""
    return evaluate(task, lambda batch: choose(len(batch)), range(EPISODES)).return_E


if __name__ == "__main__":
    main(sys.argv[1])
