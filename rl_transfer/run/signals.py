"""Signals beside the curve that explain transfer, written to a run's TensorBoard log: docs/signals.md has them all.

They change nothing: no random number is drawn, no learner's state moves, nothing is charged, and none fails a run.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from rl_transfer.knowledge import (
    ROLES,
    Knowledge,
    Networks,
    Role,
    Teacher,
    agreement,
    entropy,
    is_weight,
    read_networks,
    write_networks,
)
from rl_transfer.learner import Learner, Recent, RecentEpisodes
from rl_transfer.stats import dead_share, effective_rank

Values = Mapping[str, float | None]
_START = "start"
_SOURCE = "source"
# What the library adds to a variance that it divides by.
_EPSILON = 1e-8


class Signals:
    """What is told of a run at each point of its curve.

    Args:
        start: The learner's networks as its training on the target started; None where they are unknown.
        sources: By source the networks that were carried, in the target's shapes.
        teachers: By source the teacher.
    """

    def __init__(
        self, start: Networks | None, sources: Mapping[str, Networks], teachers: Mapping[str, Teacher]
    ) -> None:
        self._start, self._sources, self._teachers = start, sources, teachers
        self._failed: set[str] = set()

    def record(self, learner: Learner, step: int) -> None:
        """Write what is known at a step; numbers that are not finite are left out.

        Args:
            learner: The learner, which keeps account of its training.
            step: The point of the curve.
        """
        with learner.isolated(0), np.errstate(all="ignore"):
            for tag, value in self._found(learner, step):
                if value is not None and np.isfinite(value):
                    learner.record(tag, float(value), step)

    def _found(self, learner: Learner, step: int) -> Iterator[tuple[str, float | None]]:
        recent = learner.recent()
        parts: list[Callable[[Learner, Recent], Values]] = [
            self._distances, _gradient_norms, _policy, self._teacher_agreement, _value_error, _features, _shares,
        ]  # fmt: skip
        for part in parts if recent is not None else ():
            assert recent is not None
            try:
                yield from part(learner, recent).items()
            except Exception as error:  # a network whose outputs are no numbers any more, say: training will tell
                self._tell(part.__name__, step, error)

    def _tell(self, part: str, step: int, error: Exception) -> None:
        """Say it once, in the run's log."""
        if part not in self._failed:
            self._failed.add(part)
            print(f"signals{part.replace('_', ' ')} left out from step {step} on: {error}", flush=True)

    def _distances(self, learner: Learner, _: Recent) -> Values:
        ours = learner.networks()
        found = {} if self._start is None else _prefixed("distance_from_start/", distances(ours, self._start))
        for name, theirs in self._sources.items():
            found |= _prefixed("distance_from_source/", distances(ours, theirs), self._suffix(name))
        return found

    def _teacher_agreement(self, learner: Learner, recent: Recent) -> Values:
        if recent.observation_B is None or not self._teachers:
            return {}
        ours = learner.distribution_of(recent.observation_B)
        found: dict[str, float | None] = {}
        for name, teacher in self._teachers.items():
            calls = teacher.calls
            try:
                found[f"policy/teacher_agreement{self._suffix(name)}"] = agreement(
                    ours, teacher.distribution_of(recent.observation_B)
                )
            finally:
                teacher.calls = calls  # what methods ask is charged, this is not
        return found

    def _suffix(self, source: str) -> str:
        """Of several sources each has tags of its own."""
        return f"/{source}" if len({*self._sources, *self._teachers}) > 1 else ""


def distances(ours: Networks, theirs: Networks) -> dict[Role, float]:
    """How far networks are from others by role: ``|ours - theirs| / |theirs|`` in L2 norms, over a role's weights.

    ``exploration`` holds logarithms, whose size says nothing: there it is ``|ours - theirs|``. Only tensors that both
    have, in the same shape, are compared; roles without any, or whose reference is 0, are left out.

    Args:
        ours: By role and name.
        theirs: The reference.
    """
    found: dict[Role, float] = {}
    for role in ROLES:
        pairs = [
            (array.astype(np.float64), theirs[role][name].astype(np.float64))
            for name, array in ours[role].items()
            if is_weight(name) and name in theirs[role] and theirs[role][name].shape == array.shape
        ]
        moved = float(sum(np.sum((one - other) ** 2) for one, other in pairs))
        size = 1.0 if role == "exploration" else float(sum(np.sum(other**2) for _, other in pairs))
        if pairs and size:
            found[role] = (moved / size) ** 0.5
    return found


def value_error(first_E: np.ndarray, last_E: np.ndarray, episodes: RecentEpisodes, reward_scale: float) -> float:
    """The root mean square of what values of first observations missed the episodes' discounted returns by.

    Args:
        first_E: The values of the episodes' first observations, in the rewards that were learned from.
        last_E: Those of the last ones, which stand for what an episode that was cut would still have brought.
        episodes: The episodes.
        reward_scale: What rewards were divided by before they were learned from.
    """
    predicted_E = reward_scale * (first_E - episodes.rest_E * last_E)
    return float(np.sqrt(np.mean((predicted_E - episodes.return_E) ** 2)))


def _gradient_norms(_: Learner, recent: Recent) -> Values:
    return _prefixed("gradient_norm/", recent.gradient_norm)


def _policy(learner: Learner, recent: Recent) -> Values:
    if recent.observation_B is None:
        return {}
    return {"policy/entropy": entropy(learner.distribution_of(recent.observation_B))}


def _value_error(learner: Learner, recent: Recent) -> Values:
    episodes = recent.episodes
    if episodes is None:
        return {}
    statistics = learner.statistics()
    reward = None if statistics is None else statistics.reward
    scale = 1.0 if reward is None else float(np.sqrt(reward.var + _EPSILON))
    first_E, last_E = (learner.values_of(one) for one in (episodes.first_observation_E, episodes.last_observation_E))
    return {"value/error": value_error(first_E, last_E, episodes, scale)}


def _features(learner: Learner, recent: Recent) -> Values:
    if recent.observation_B is None:
        return {}
    output_BU = learner.features_of(recent.observation_B)
    return {"features/dead_units": dead_share(output_BU), "features/effective_rank": effective_rank(output_BU)}


def _shares(_: Learner, recent: Recent) -> Values:
    return {"share/source_samples": recent.source_share, "share/guide_steps": recent.guide_share}


def _prefixed(prefix: str, found: Mapping[Role, float], suffix: str = "") -> dict[str, float | None]:
    return {f"{prefix}{role}{suffix}": value for role, value in found.items()}


def keep_references(folder: Path, learner: Learner, knowledge: Knowledge) -> None:
    """Keep beside a run's checkpoints what its networks will be compared with.

    Args:
        folder: The checkpoints' folder.
        learner: The learner as its training on the target starts.
        knowledge: What the arm's methods got of its sources.
    """
    references = {_START: learner.networks()}
    references |= {f"{_SOURCE}.{one.name}": one.networks for one in knowledge.each if one.networks is not None}
    for name, networks in references.items():
        if all(np.isfinite(array).all() for tensors in networks.values() for array in tensors.values()):
            write_networks(_file(folder, name), networks)


def kept_signals(folder: Path, knowledge: Knowledge) -> Signals:
    """The signals of a run that has checkpoints.

    Args:
        folder: The checkpoints' folder.
        knowledge: What its methods keep of its sources.

    Raises:
        StoreError: If what was kept can't be read.
    """
    start = _file(folder, _START)
    sources = sorted(folder.glob(_file(folder, f"{_SOURCE}.*").name))
    return Signals(
        start=read_networks(start) if start.exists() else None,
        sources={path.stem.partition(".")[2]: read_networks(path) for path in sources},
        teachers={one.name: one.teacher for one in knowledge.each if one.teacher is not None},
    )


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.safetensors"
