"""Measure a pair's score anchors `random` and `worst` on its target; `reference` is what a good agent reaches.

``python scripts/measure_anchors.py PAIR`` takes a shipped name or a path. `random` is the mean return of uniformly
random actions; `worst` is the lowest return of a single episode among those and every constant action (where actions
can be counted): what hardly any policy falls below. ``rl-transfer new pair`` measures the same.
"""

import sys

from rl_transfer.execute.anchors import measure_anchors
from rl_transfer.study import load_study

EPISODES = 1000


def main(pair: str) -> None:
    """Print the anchors of a pair."""
    anchors = measure_anchors(load_study(pair).pairs[0].config.target, EPISODES)
    print(f"random: {anchors.random:.4g}, worst: {anchors.worst:.4g}  ({EPISODES} episodes each)")


if __name__ == "__main__":
    main(sys.argv[1])
