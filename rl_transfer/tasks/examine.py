"""One environment examined before anything is trained on it: does it keep its promises, does each setting matter?"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from gymnasium.utils.env_checker import check_env, data_equivalence

from rl_transfer.errors import ConfigError
from rl_transfer.study import TaskConfig
from rl_transfer.tasks.make import Env, make

STEPS = 1000
"""Steps with random actions after which two environments that gave the same are taken to be the same."""
_MOST_NOTES = 3
# Usual for observations, and of no consequence to any learner here.
_USUAL = ("minimum value is -infinity", "maximum value is infinity")

Outcome = Literal["good", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        about: What was checked: ``source``, ``target`` or ``pair``.
        check: The check, in a few words.
        outcome: ``good``, ``note`` (allowed, but worth knowing) or ``problem`` (has to be mended).
        text: What was found, and how to mend it.
    """

    about: str
    check: str
    outcome: Outcome
    text: str = ""


_Check = Callable[[TaskConfig], Iterator[tuple[Outcome, str]]]


def examine(about: str, task: TaskConfig) -> Iterator[Finding]:
    """Check a task's environment; whatever it raises becomes a finding.

    Args:
        about: What to call it.
        task: The task; it can be made.
    """
    checks: tuple[tuple[str, _Check], ...] = (
        ("Gymnasium's checker", _gymnasium_check),
        ("observations, rewards", _values),
        ("same seed, same trajectory", _repeatability),
        ("every setting matters", _settings),
    )
    for check, run in checks:
        yield from _guarded(about, check, run, task)


def _guarded(about: str, check: str, run: _Check, task: TaskConfig) -> Iterator[Finding]:
    found: list[tuple[Outcome, str]] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = list(run(task))
    except Exception as error:
        found = [("problem", f"raised {type(error).__name__}: {_line(error)}")]
    yield from (Finding(about, check, outcome, text) for outcome, text in found)
    if not found:
        yield Finding(about, check, "good")


def _gymnasium_check(task: TaskConfig) -> Iterator[tuple[Outcome, str]]:
    """Of the environment itself: Gymnasium's checker is not made for wrapped ones."""
    env = make(task)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            check_env(env.unwrapped, skip_render_check=True)
        except Exception as error:
            yield "problem", f"{_line(error) or type(error).__name__}: mend the environment"
        finally:
            env.close()
    texts = [text for text in dict.fromkeys(_warning(item.message) for item in caught) if not _is_usual(text)]
    yield from (("note", text) for text in islice(texts, _MOST_NOTES))
    if len(texts) > _MOST_NOTES:
        yield "note", f"and {len(texts) - _MOST_NOTES} warnings more"


def _warning(message: Warning | str) -> str:
    text = _line(message).replace("\x1b[33m", "").replace("\x1b[0m", "").removeprefix("WARN: ")
    return text if len(text) <= 160 else text[:157] + "..."


def _is_usual(text: str) -> bool:
    return "observation space" in text and any(words in text for words in _USUAL)


def _values(task: TaskConfig) -> Iterator[tuple[Outcome, str]]:
    """With the wrappers around it: what it shows must be in its space."""
    env = make(task)
    try:
        for step, (observation, reward, _, _) in enumerate(islice(_trajectory(env, 0), STEPS)):
            if observation not in env.observation_space:
                what = f"the observation after {step} steps is not in {' '.join(str(env.observation_space).split())}"
                yield "problem", f"{what}: correct the space or the observation's bounds, shape or dtype"
                return
            if not isinstance(float(reward), float) or reward != reward:
                yield "problem", f"the reward of step {step} is {reward!r}: it must be a finite number"
                return
    finally:
        env.close()


def _repeatability(task: TaskConfig) -> Iterator[tuple[Outcome, str]]:
    first, second = make(task), make(task)
    try:
        if (step := _first_difference(first, second, 0)) is not None:
            yield (
                "problem",
                f"two environments with the same seed and actions part at step {step}: draw every random number from "
                "self.np_random, and call super().reset(seed=seed) in reset",
            )
            return
        if (step := _first_difference(first, second, 0, fresh=make(task))) is not None:
            yield (
                "problem",
                f"after reset with the same seed a used environment parts from a new one at step {step}: reset must "
                "put back everything",
            )
            return
        if _first_difference(first, second, 0, other_seed=1) is None:
            yield "note", f"seeds 0 and 1 give the same {STEPS} steps: nothing is random, all episodes will be alike"
    finally:
        first.close()
        second.close()


def _settings(task: TaskConfig) -> Iterator[tuple[Outcome, str]]:
    """Each keyword and each wrapper left out in turn: something must change."""
    for key, value in task.kwargs.items():
        kwargs = {name: other for name, other in task.kwargs.items() if name != key}
        if _changes_nothing(task, task.model_copy(update={"kwargs": kwargs})):
            yield (
                "problem",
                f"kwargs.{key}: {value!r} changes nothing in {STEPS} steps of random actions: it is the default, or "
                "has no effect; remove it or choose another value",
            )
    for index, wrapper in enumerate(task.wrappers):
        wrappers = task.wrappers[:index] + task.wrappers[index + 1 :]
        if _changes_nothing(task, task.model_copy(update={"wrappers": wrappers})):
            yield (
                "problem",
                f"wrappers.{index}: {wrapper.name} changes nothing in {STEPS} steps of random actions: remove it or "
                "change its settings",
            )


def _changes_nothing(task: TaskConfig, other: TaskConfig) -> bool:
    """Whether two tasks can't be told apart; a task that can't be made, or has other spaces, can."""
    try:
        theirs = make(other)
    except ConfigError:
        return False
    ours = make(task)
    try:
        spaces = (ours.observation_space, ours.action_space), (theirs.observation_space, theirs.action_space)
        limits = [env.spec and env.spec.max_episode_steps for env in (ours, theirs)]
        return spaces[0] == spaces[1] and limits[0] == limits[1] and _first_difference(ours, theirs, 0) is None
    finally:
        ours.close()
        theirs.close()


def same_task(first: TaskConfig, second: TaskConfig) -> bool:
    """Whether two tasks gave the same for :data:`STEPS` steps of random actions."""
    return _changes_nothing(first, second)


def _first_difference(
    first: Env, second: Env, seed: int, *, other_seed: int | None = None, fresh: Env | None = None
) -> int | None:
    """The first step at which two environments show something else under the same actions; None if none does."""
    theirs = _trajectory(fresh or second, seed if other_seed is None else other_seed, action_seed=seed)
    pairs = zip(_trajectory(first, seed, action_seed=seed), theirs, strict=False)
    try:
        for step, (ours, other) in enumerate(islice(pairs, STEPS)):
            if not data_equivalence(ours, other, exact=True):
                return step
        return None
    finally:
        if fresh is not None:
            fresh.close()


def _trajectory(env: Env, seed: int, *, action_seed: int = 0) -> Iterator[tuple[Any, float, bool, bool]]:
    """Without end: observation, reward, terminated, truncated, under random actions; episodes follow each other."""
    env.action_space.seed(action_seed)
    yield env.reset(seed=seed)[0], 0.0, False, False
    while True:
        observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        yield observation, float(reward), terminated, truncated
        if terminated or truncated:
            yield env.reset()[0], 0.0, False, False


def _line(error: object) -> str:
    return " ".join(str(error).split())
