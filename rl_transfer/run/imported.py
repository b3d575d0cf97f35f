"""The run of an agent that a stranger trained: no training, one evaluation that shows that it plays as it did."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_transfer import seeds
from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Knowledge, Networks, Statistics, write_knowledge
from rl_transfer.learner import Learner, build_learner
from rl_transfer.run.curve import Curve, curve_rows
from rl_transfer.store import write_json, write_spec
from rl_transfer.study import LearnerConfig, RunSpec
from rl_transfer.tasks import Episodes, Meter, evaluate, make

# An agent that only plays needs no room for experience.
_SMALL = {"n_envs": 1, "n_steps": 64, "batch_size": 64, "buffer_size": 64}


def play_imported(spec: RunSpec, knowledge: Knowledge) -> Episodes:
    """Load an agent and evaluate it on the task that it was trained on.

    The episodes' seeds count from 0, so that whoever trained it can play the same ones.

    Args:
        spec: The run.
        knowledge: Its networks and running statistics.

    Raises:
        ConfigError: If the agent does not fit the task, or not all of it could be loaded.
        EnvironmentFailedError: If the environment fails.
        DivergedError: If its outputs are not finite.
    """
    with _one_thread(spec.threads):
        learner = build_learner(
            _playing(spec.learner),
            [lambda: make(spec.task)],
            Meter(),
            seed=seeds.integer(spec.role, spec.seed, "initial"),
            device=spec.device,
        )
        try:
            _load(learner, knowledge, spec.task.id)
            with learner.isolated(spec.seed):
                act = partial(learner.act, deterministic=spec.deterministic)
                return evaluate(spec.task, act, range(spec.episodes))
        finally:
            learner.close()


def write_imported(folder: Path, key: str, spec: RunSpec, knowledge: Knowledge, episodes: Episodes | None) -> None:
    """Write a finished run folder, its status last.

    Args:
        folder: Where.
        key: The run's key.
        spec: The run.
        knowledge: What methods find of it.
        episodes: Its evaluation, the curve's only point; None for a backbone, which can't play.
    """
    write_spec(folder, key, spec)
    write_knowledge(folder / "agent", knowledge)
    curve = Curve(spec, () if episodes is None else curve_rows(0, episodes), lambda _learner, _step, _mean: None)
    curve.write(folder / "curve.csv")
    nothing = dict.fromkeys(("target_steps", "source_steps", "carried_transitions", "gradient_steps"), 0)
    costs = nothing | {"evaluation_steps": curve.evaluation_steps, "wall_seconds": 0.0}
    write_json(folder / "costs.json", costs)
    write_json(
        folder / "status.json",
        {"status": "finished", "outcome": "completed", "message": "", "failed_at_step": None},
    )


def _playing(config: LearnerConfig) -> LearnerConfig:
    return config.model_copy(update={name: size for name, size in _SMALL.items() if name in type(config).model_fields})


@contextmanager
def _one_thread(threads: int) -> Iterator[None]:
    """As many torch threads as the run says: another number gives other returns."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _load(learner: Learner, knowledge: Knowledge, task: str) -> None:
    assert knowledge.networks is not None
    _refuse_other_shapes(knowledge.networks, learner.networks(), task)
    learner.load_networks(knowledge.networks)
    if knowledge.statistics is not None:
        _refuse_other_statistics(knowledge.statistics, learner.statistics() or Statistics({}), task)
        learner.load_statistics(knowledge.statistics)
    learner.refuse_divergence()
    for role, tensors in learner.networks().items():
        for name, array in tensors.items():
            if not np.array_equal(array, knowledge.networks[role][name].astype(array.dtype)):
                raise ConfigError(f"{role}/{name} could not be loaded as it is: use another file")


def _refuse_other_shapes(theirs: Networks, ours: Networks, task: str) -> None:
    for role, tensors in ours.items():
        for name in {**tensors, **theirs[role]}:
            in_file, here = _shape(theirs[role].get(name)), _shape(tensors.get(name))
            if in_file != here:
                what = f"{role}/{name} {in_file} in the file, it {here} in an agent for {task}"
                raise ConfigError(f"{what}: give the --env that it was trained on")


def _shape(array: NDArray[Any] | None) -> str:
    return "is missing" if array is None else f"has shape {array.shape}"


def _refuse_other_statistics(theirs: Statistics, ours: Statistics, task: str) -> None:
    in_file, here = ({key: moments.mean.shape for key, moments in side.observation.items()} for side in (theirs, ours))
    if in_file != here:
        what = f"holds statistics of observations of shape {_shown(in_file)}, {task} has {_shown(here)}"
        raise ConfigError(f"{what}: give the file that was saved with the agent", key="statistics")


def _shown(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{key} {shape}".strip() for key, shape in shapes.items()) or "none"
