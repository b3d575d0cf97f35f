"""How much faster training gets where a task's environments are stepped side by side as arrays, with equal results.

    python scripts/measure_vector_training.py
    python scripts/measure_vector_training.py --tasks CartPole-v1 --members 8 16

Both ways train the same PPO agent on the same number of steps, in turns in one process. A line per task and number of
environments gives the median, over the turns, of the processor time of single environments over that of members.
"""

import argparse
import statistics
import time
from functools import partial

import torch

from rl_transfer.learner import EnvFactory, build_learner
from rl_transfer.study import PPOConfig, TaskConfig
from rl_transfer.tasks import Charged, Meter, TaskEnvironments, make
from rl_transfer.tasks.make import Env

TASKS = ("CartPole-v1", "MountainCar-v0", "Acrobot-v1", "Pendulum-v1")
_ROLLOUT = 2048


def _charged(task: TaskConfig, meter: Meter) -> Env:
    return Charged(make(task), meter)


def measure(env_id: str, n_envs: int, *, side_by_side: bool, steps: int) -> float:
    """Seconds of processor time that training takes.

    Args:
        env_id: A Gymnasium id.
        n_envs: Training environments.
        side_by_side: Whether the learner may step them as arrays.
        steps: Environment steps, a multiple of 2048.
    """
    task, meter = TaskConfig(id=env_id), Meter()
    factory = partial(_charged, task, meter)
    members = TaskEnvironments(task, meter, factory, n_envs, fewest=1)
    environments = members if side_by_side else list[EnvFactory](members)
    config = PPOConfig(algorithm="ppo", n_envs=n_envs, n_steps=_ROLLOUT // n_envs, batch_size=256, n_epochs=4)
    learner = build_learner(config, environments, meter, seed=0)
    start = time.process_time()
    learner.train(until=steps, horizon=steps, seed=0, watch=lambda _now, _then: None)
    seconds = time.process_time() - start
    learner.close()
    return seconds


def main() -> None:
    """Prints a line per task and number of environments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=TASKS, help="Gymnasium ids")
    parser.add_argument("--members", nargs="+", type=int, default=[1, 2, 4, 8, 16])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2 * _ROLLOUT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for env_id in arguments.tasks:
        for n_envs in arguments.members:
            ratios = []
            for _ in range(arguments.repetitions):
                single = measure(env_id, n_envs, side_by_side=False, steps=arguments.steps)
                ratios.append(single / measure(env_id, n_envs, side_by_side=True, steps=arguments.steps))
            print(f"{env_id:16} {n_envs:3} environments: {statistics.median(ratios):.2f} times as fast", flush=True)


if __name__ == "__main__":
    main()
