"""A run's training environments: its task, a sham's where it is one, charged."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import gymnasium

from rl_transfer.learner import EnvFactory
from rl_transfer.study import RunSpec
from rl_transfer.tasks import Charged, Meter, Sham, TaskEnvironments, make


def training_environments(spec: RunSpec, meter: Meter) -> Sequence[EnvFactory]:
    """Factories of a run's training environments; the learner may take the task's own side by side."""
    factory = partial(_training_environment, spec, meter)
    if spec.sham:
        return [factory] * spec.learner.n_envs
    return TaskEnvironments(spec.task, meter, factory, spec.learner.n_envs)


def _training_environment(spec: RunSpec, meter: Meter) -> gymnasium.Env[Any, Any]:
    """One training environment: the task, made a sham if the run is one, charged."""
    env = make(spec.task)
    return Charged(Sham(env) if spec.sham else env, meter)
