"""How much faster the NumPy-vectorised environments are than Gymnasium's SyncVectorEnv of the single ones.

    python scripts/measure_vector_speed.py
    python scripts/measure_vector_speed.py --members 8 --repetitions 20

Both take the same actions, which are sampled before the clock starts, each in its share of the same second: the two
take turns, so that a busy machine slows both. A line per task gives the medians over the repetitions of the steps per
second (members x vector steps), and of their ratio.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

TASKS = ("transfer/CartPole-v0", "transfer/MountainCar-v0", "transfer/Acrobot-v0", "transfer/Pendulum-v0")
# Vector steps that each takes in a turn; the single ones need not be run as long.
_STEPS = {"vector_entry_point": 250, "sync": 5}


def measure(env_id: str, members: int, repetitions: int) -> dict[str, list[float]]:
    """Steps per second of both kinds of vector environment, in turns.

    Args:
        env_id: An id with a vector entry point.
        members: Members of each.
        repetitions: Turns of each, after one that does not count.

    Returns:
        By vectorisation mode the steps per second of each turn.
    """
    rates: dict[str, list[float]] = {mode: [] for mode in _STEPS}
    envs = {
        mode: gymnasium.make_vec(f"rl_transfer_envs:{env_id}", num_envs=members, vectorization_mode=mode)
        for mode in _STEPS
    }
    actions = _actions(envs["sync"], max(_STEPS.values()))
    for env in envs.values():
        env.reset(seed=0)
    for repetition in range(repetitions + 1):
        for mode, steps in _STEPS.items():
            seconds = _seconds(envs[mode], actions[:steps])
            if repetition:
                rates[mode].append(members * steps / seconds)
    for env in envs.values():
        env.close()
    return rates


def _actions(env: gymnasium.vector.VectorEnv[Any, Any, Any], steps: int) -> list[NDArray[Any]]:
    env.action_space.seed(0)
    return [env.action_space.sample() for _ in range(steps)]


def _seconds(env: gymnasium.vector.VectorEnv[Any, Any, Any], actions: Sequence[NDArray[Any]]) -> float:
    start = time.perf_counter()
    for action in actions:
        env.step(action)
    return time.perf_counter() - start


def main() -> None:
    """Prints a line per task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=TASKS, help="ids with a vector entry point")
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--repetitions", type=int, default=15)
    arguments = parser.parse_args()
    print(f"{arguments.members} members, NumPy {np.__version__}, Gymnasium {gymnasium.__version__}")
    for env_id in arguments.tasks:
        rates = measure(env_id, arguments.members, arguments.repetitions)
        ours, sync = rates["vector_entry_point"], rates["sync"]
        ratio = statistics.median(one / other for one, other in zip(ours, sync, strict=True))
        print(
            f"{env_id:24} {statistics.median(ours):12,.0f} steps/s, SyncVectorEnv {statistics.median(sync):10,.0f}: "
            f"{ratio:.0f} times"
        )


if __name__ == "__main__":
    main()
