"""What can be asked of a source agent without training it on the target: representation, dynamics, values.

Everything is measured on transitions that agents collect here for this purpose alone, in seeds of their own: nothing
comes from evaluation, and every step is counted.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, log
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_transfer import seeds
from rl_transfer.errors import ConfigError, DivergedError, EnvironmentFailedError
from rl_transfer.learner import Learner
from rl_transfer.run.export import load_agent
from rl_transfer.stats import dynamics_error, linear_cka, rank_agreement, returns_to_go
from rl_transfer.store import read_spec
from rl_transfer.study import MappingConfig, TaskConfig, image_shape
from rl_transfer.tasks import Charged, Meter, SpaceMapping, as_batch, inspect_task, make, map_spaces
from rl_transfer.tasks.spaces import to_rows

PROBED = ("representation", "dynamics", "value_agreement")
"""The predictors that are measured here."""
SAMPLE_STEPS = 2000
"""Transitions that an agent collects of its own task."""
RANDOM_SHARE = 0.5
"""Chance of a random action in place of the agent's while it collects them."""
EPISODES = 10
"""Episodes that a source agent plays on the target, as it is; environments side by side in any case."""

_REST = 0.05
_Act = Callable[[Any], NDArray[Any]]


@dataclass(frozen=True)
class Sample:
    """N transitions of a task, and what the agent that collected them makes of their observations.

    Attributes:
        observation_N: N x observation shape; of a Dict observation by key.
        action_N: N x action shape, as the environment takes them.
        reward_N: Rewards.
        next_observation_N: What came next; at an episode's end its last observation.
        feature_NP: The agent's last hidden layer; N x units.
        steps: Environment steps that it took.
    """

    observation_N: Any
    action_N: NDArray[Any]
    reward_N: NDArray[np.float64]
    next_observation_N: Any
    feature_NP: NDArray[np.float64]
    steps: int


@dataclass(frozen=True)
class Probes:
    """What the probes of one source agent found.

    Attributes:
        values: By predictor its value; higher promises more.
        undefined: By predictor why it has none.
        target_steps: Environment steps taken on the target.
    """

    values: Mapping[str, float]
    undefined: Mapping[str, str]
    target_steps: int


def sample_agent(folder: Path, seed: int) -> Sample:
    """Let a finished run's agent collect transitions of its own task, acting stochastically and partly at random.

    Args:
        folder: The run's folder.
        seed: The seed index that it is asked for.

    Raises:
        ConfigError: If it left no agent, or can't act.
        DivergedError: If its networks' outputs are not finite.
        EnvironmentFailedError: If the environment fails.
    """
    spec = read_spec(folder)
    with _agent(folder, seeds.integer(spec.role, seed, "probe", 0)) as learner:
        return _collected(spec.task, learner, seeds.generator(spec.role, seed, "probe", 1))


def probe(
    source: Path,
    ours: Sample,
    target: TaskConfig,
    theirs: Sample,
    mapping: MappingConfig | None,
    *,
    deterministic: bool,
    seed: int,
) -> Probes:
    """Ask one source agent all that needs no training.

    Args:
        source: Folder of its finished run.
        ours: What it collected of its own task.
        target: The target task.
        theirs: What an early from-scratch agent collected of the target.
        mapping: Between the two tasks' spaces.
        deterministic: Whether it plays the target in the mode of its policy.
        seed: The seed index.

    Raises:
        ConfigError: If the source has no agent, or the mapping does not fit.
        DivergedError: If its networks' outputs are not finite.
        EnvironmentFailedError: If the environment fails.
    """
    spec, meter = read_spec(source), Meter()
    with _agent(source, seeds.integer("target", seed, "probe", 2)) as learner:
        spaces_ = map_spaces(mapping, inspect_task(spec.task), inspect_task(target))

        def act(batch: Any) -> NDArray[Any]:
            return spaces_.action(learner.act(spaces_.observation(batch), deterministic=deterministic))

        asked: dict[str, Callable[[], float]] = {
            "representation": lambda: representation(learner, theirs, spaces_),
            "dynamics": lambda: -dynamics_error(*_in_target_rows(ours, spaces_), *_rows(theirs, spaces_)),
            "value_agreement": lambda: value_agreement(
                learner, _played(target, act, meter, seed), spaces_, spec.learner.gamma
            ),
        }
        values, undefined = {}, {}
        for name, ask in asked.items():
            try:
                values[name] = ask()
            except (ValueError, EnvironmentFailedError) as error:
                undefined[name] = str(error)
        return Probes(values, undefined, meter.steps)


def representation(learner: Learner, sample: Sample, mapping: SpaceMapping) -> float:
    """How like the source agent's last hidden layer is to that of an early from-scratch agent, on target observations.

    Linear centred kernel alignment (:func:`rl_transfer.stats.linear_cka`). The idea: a source whose units carve up the
    target's observations as learning there begins to do has less to unlearn.

    Raises:
        ValueError: If one of the two says the same of all observations.
    """
    return linear_cka(learner.features_of(mapping.observation(sample.observation_N)), sample.feature_NP)


def value_agreement(learner: Learner, episodes: Sequence["_Episode"], mapping: SpaceMapping, gamma: float) -> float:
    """Whether the source agent knows how well it does on the target.

    Spearman's rank correlation of its values of the states that it visits there with the discounted returns that it
    really gets from them: over as many steps as hold 95 % of the discounting, or half an episode that the time limit
    cut where that is less. States that are cut off sooner are left out: their returns would be small for no fault of
    theirs. The idea: where the source's critic still orders the target's states, it has less to unlearn.

    Raises:
        ValueError: If all values, or all returns, are equal.
    """
    window = _window(episodes, gamma)
    observations, returns = [], []
    for episode in episodes:
        kept = len(episode.rewards) - (0 if episode.terminated else window)
        if kept > 0:
            observations += episode.observations[:kept]
            returns.append(returns_to_go(np.array(episode.rewards), gamma, window)[:kept])
    if not returns:
        raise ValueError("the time limit cuts every episode after one step")
    return rank_agreement(learner.values_of(mapping.observation(as_batch(observations))), np.concatenate(returns))


def _window(episodes: Sequence["_Episode"], gamma: float) -> int:
    """How many rewards a return adds up."""
    half_cut = [-(-len(episode.rewards) // 2) for episode in episodes if not episode.terminated]
    whole = max(len(episode.rewards) for episode in episodes)
    effective = ceil(log(_REST) / log(gamma)) if 0.0 < gamma < 1.0 else 1 if gamma == 0.0 else whole
    return min(effective, max(half_cut, default=whole))


@dataclass
class _Episode:
    """One episode as it goes on."""

    observations: list[Any]
    rewards: list[float]
    terminated: bool = False


def _played(task: TaskConfig, act: _Act, meter: Meter, seed: int) -> list[_Episode]:
    """Episodes from their beginnings to their ends, side by side."""
    with _environments(task, meter, EPISODES) as envs:
        starts = [env.reset(seed=seeds.integer("target", seed, "probe", 3, n))[0] for n, env in enumerate(envs)]
        episodes, latest, playing = [_Episode([], []) for _ in envs], starts, list(range(EPISODES))
        while playing:
            still = []
            for index, action in zip(playing, act(as_batch([latest[index] for index in playing])), strict=True):
                episode = episodes[index]
                episode.observations.append(latest[index])
                latest[index], reward, episode.terminated, truncated, _ = envs[index].step(action)
                episode.rewards.append(float(reward))
                if not (episode.terminated or truncated):
                    still.append(index)
            playing = still
    return episodes


def _collected(task: TaskConfig, learner: Learner, generator: np.random.Generator) -> Sample:
    meter, rows = Meter(), []
    with _environments(task, meter, EPISODES) as envs:
        for env in envs:
            env.action_space.seed(int(generator.integers(2**31)))
        latest = [env.reset(seed=int(generator.integers(2**31)))[0] for env in envs]
        while meter.steps < SAMPLE_STEPS:
            chosen = learner.act(as_batch(latest), deterministic=False)
            for index, env in enumerate(envs):
                action = env.action_space.sample() if generator.random() < RANDOM_SHARE else chosen[index]
                after, reward, terminated, truncated, _ = env.step(action)
                rows.append((latest[index], np.asarray(action), float(reward), after))
                latest[index] = env.reset()[0] if terminated or truncated else after
    observations, actions, rewards, following = zip(*rows, strict=True)
    batch = as_batch(observations)
    return Sample(
        batch, np.stack(actions), np.array(rewards), as_batch(following), learner.features_of(batch), meter.steps
    )


@contextmanager
def _environments(task: TaskConfig, meter: Meter, count: int) -> Iterator[list[Charged]]:
    envs: list[Charged] = []
    try:
        envs += (Charged(make(task), meter) for _ in range(count))
        yield envs
    finally:
        for env in envs:
            env.close()


@contextmanager
def _agent(folder: Path, seed: int) -> Iterator[Learner]:
    """A finished run's agent, in one thread as in training, with everything random seeded."""
    import torch

    threads, spec = torch.get_num_threads(), read_spec(folder)
    torch.set_num_threads(spec.threads)
    learner = load_agent(folder)
    try:
        with learner.isolated(seed):
            yield learner
    finally:
        learner.close()
        torch.set_num_threads(threads)


def _in_target_rows(sample: Sample, mapping: SpaceMapping) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A source's transitions in the target's spaces; those whose action has no counterpart are left out."""
    if not mapping.observation_identity and not mapping.parts:
        raise ValueError("the mapping takes nothing of the observations")
    actions, known = mapping.action_to_target(sample.action_N)
    if not known.any():
        raise ValueError("the mapping takes nothing of the actions")
    observation, following = (
        mapping.observation_to_target(batch) for batch in (sample.observation_N, sample.next_observation_N)
    )
    found = Sample(observation, actions, sample.reward_N, following, sample.feature_NP, sample.steps)
    inputs, outputs = _rows(found, mapping)
    return inputs[known], outputs[known]


def _rows(sample: Sample, mapping: SpaceMapping) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A dynamics model's inputs (observation, action) and outputs (change of the observation, reward), in rows.

    Raises:
        ValueError: If observations are no vectors.
    """
    space = mapping.target_observation
    if isinstance(space, spaces.Dict) or image_shape(space) is not None:
        what = "observations by key" if isinstance(space, spaces.Dict) else "images"
        raise ValueError(f"a dynamics model of {what} is not part of this: only of vectors and discrete states")
    observation, following = (to_rows(space, batch) for batch in (sample.observation_N, sample.next_observation_N))
    inputs = np.concatenate([observation, to_rows(mapping.target_action, sample.action_N)], axis=1)
    return inputs, np.concatenate([following - observation, sample.reward_N[:, None]], axis=1)


UNASKABLE = (ConfigError, DivergedError, EnvironmentFailedError)
"""What keeps an agent from being asked at all; the message says why."""
