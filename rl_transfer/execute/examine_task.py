"""One environment examined before anything is trained on it: does it keep its promises, does each setting matter?"""

import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stdout
from copy import deepcopy
from dataclasses import dataclass
from io import TextIOBase
from itertools import islice, repeat
from textwrap import shorten
from typing import Any, Literal

import numpy as np
from gymnasium.utils.env_checker import check_env, data_equivalence

from rl_transfer.errors import ConfigError, EnvironmentFailedError
from rl_transfer.study import TaskConfig
from rl_transfer.tasks.make import Env, inspect_task, keyword_parameters, make
from rl_transfer.tasks.meter import Charged, Meter

STEPS = 1000
"""Steps with random actions after which two environments that gave the same are taken to be the same."""
# Then with each action held for a while, which gets farther: a goal, and what is paid for it, matters only if reached.
_HELD_STEPS = 5000
_LONGEST_HOLD = 30
_MOST_NOTES = 3
_LONGEST = 160
# Usual, and of no consequence to any learner here.
_USUAL = ("minimum value is -infinity", "maximum value is infinity", "recommend using a symmetric and normalized space")

_NOTHING = (
    f"changes nothing in {STEPS + _HELD_STEPS} random steps: right only if it matters where these don't get, as a goal "
    "may; otherwise it has no effect"
)

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
        ("observations, rewards", _values),
        ("Gymnasium's checker", _gymnasium_check),
        ("same seed, same steps", _repeatability),
        ("every setting matters", _settings),
    )
    output = Output()
    for check, run in checks:
        with redirect_stdout(output):
            found, failed = _guarded(run, task)
        yield from (Finding(about, check, outcome, text) for outcome, text in found or [("good", "")])
        if failed:
            break  # The others would fail alike.
    if output.came:
        yield Finding(about, "output", "note", "prints while it runs: nothing of that is shown here")


class Output(TextIOBase):
    """Takes the place of standard output and keeps nothing of what an environment prints.

    Attributes:
        came: Whether anything did.
    """

    def __init__(self) -> None:
        self.came = False
        # Where rich looks for the terminal behind a replacement: a spinner goes on, and does not count.
        self.rich_proxied_file = getattr(sys.stdout, "rich_proxied_file", sys.stdout)

    def write(self, text: str) -> int:
        """Note that something was printed."""
        self.came = self.came or bool(text)
        return len(text)


def _guarded(run: _Check, task: TaskConfig) -> tuple[list[tuple[Outcome, str]], bool]:
    """What a check found, and whether the environment failed in it."""
    found: list[tuple[Outcome, str]] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.extend(run(task))
    except (EnvironmentFailedError, ConfigError) as error:
        return [*found, ("problem", f"{one_line(error)}: mend the environment")], True
    except (Exception, SystemExit) as error:
        return [*found, ("problem", f"raised {type(error).__name__}: {one_line(error)}: mend the environment")], True
    return found, False


def _gymnasium_check(task: TaskConfig) -> Iterator[tuple[Outcome, str]]:
    """Of the environment itself: Gymnasium's checker is not made for wrapped ones."""
    with closing(make(task)) as env, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            check_env(env.unwrapped, skip_render_check=True)
        except Exception as error:
            yield "problem", f"{one_line(error).rstrip('.') or type(error).__name__}: mend the environment"
    texts = [text for text in dict.fromkeys(_warning(item.message) for item in caught) if not _is_usual(text)]
    yield from (("note", text) for text in islice(texts, _MOST_NOTES))
    if len(texts) > _MOST_NOTES:
        yield "note", f"and {len(texts) - _MOST_NOTES} warnings more"


def _warning(message: Warning | str) -> str:
    return one_line(re.sub(r"\x1b\[\d+m", "", str(message)).removeprefix("WARN: "))


def _is_usual(text: str) -> bool:
    return any(words in text for words in _USUAL)


def _values(task: TaskConfig) -> Iterator[tuple[Outcome, str]]:
    """With the wrappers around it: what it shows must be in its space."""
    with closing(_made(task)) as env:
        for step, (observation, reward, _, _) in enumerate(islice(_trajectory(env, 0), STEPS)):
            if np.shape(reward):
                yield (
                    "problem",
                    f"the reward at step {step} is {one_line(reward)}: it must be one number",
                )
                return
            if observation not in env.observation_space:
                what = f"the observation at step {step} is not in {one_line(env.observation_space)}"
                yield "problem", f"{what}: correct the space, or the observation's bounds, shape or dtype"
                return


def _repeatability(task: TaskConfig) -> Iterator[tuple[Outcome, str]]:
    if (step := _first_difference(task, task)) is not None:
        yield (
            "problem",
            f"two environments with the same seed and actions part at step {step}: draw every random number from "
            "self.np_random, and call super().reset(seed=seed) in reset",
        )
    elif (step := _first_difference(task, task, used=True)) is not None:
        yield (
            "problem",
            f"after reset with the same seed a used environment parts from a new one at step {step}: reset must put "
            "back everything",
        )
    elif _first_difference(task, task, other_seed=1) is None:
        yield "note", f"seeds 0 and 1 give the same {STEPS} steps: nothing is random, all episodes will be alike"


def _settings(task: TaskConfig) -> Iterator[tuple[Outcome, str]]:
    """Each keyword and each wrapper left out in turn: something must change."""
    for key, value in task.kwargs.items():
        kwargs = {name: other for name, other in task.kwargs.items() if name != key}
        if _changes_nothing(task, task.model_copy(update={"kwargs": kwargs})):
            outcome, why = _idle_keyword(task, key)
            yield outcome, f"kwargs.{key}: {value!r} {why}"
    for index, wrapper in enumerate(task.wrappers):
        wrappers = task.wrappers[:index] + task.wrappers[index + 1 :]
        if _changes_nothing(task, task.model_copy(update={"wrappers": wrappers})):
            yield "note", f"wrappers.{index}: {wrapper.name} {_NOTHING}"


def _idle_keyword(task: TaskConfig, key: str) -> tuple[Outcome, str]:
    """What a keyword is that changed nothing, by what the environment's signature says of it."""
    parameter = keyword_parameters(task).get(key)
    if parameter is None:
        return "problem", "changes nothing, and no signature names it (**kwargs swallows it): correct or remove it"
    if bool(parameter.default == task.kwargs[key]):
        return "note", "is the default"
    return "note", _NOTHING


def _changes_nothing(task: TaskConfig, other: TaskConfig) -> bool:
    """Whether two tasks can't be told apart; a task that can't be made, fails, or has other spaces, can."""
    try:
        ours, theirs = inspect_task(task), inspect_task(other)
    except ConfigError:
        return False
    if (ours.observation_space, ours.action_space) != (theirs.observation_space, theirs.action_space):
        return False
    limits = {ours.max_episode_steps, theirs.max_episode_steps}
    if len(limits) > 1 and min(limits) >= _HELD_STEPS:
        return False  # More steps than are tried: these limits can't show.
    try:
        return _first_difference(task, other) is None and _first_difference(task, other, held=True) is None
    except EnvironmentFailedError:
        return False


def same_task(first: TaskConfig, second: TaskConfig) -> bool:
    """Whether two tasks gave the same for thousands of steps of random actions."""
    return _changes_nothing(first, second)


def _first_difference(
    task: TaskConfig, other: TaskConfig, *, other_seed: int = 0, used: bool = False, held: bool = False
) -> int | None:
    """The first step at which two new environments show something else under the same actions; None if none does.

    Args:
        task: The first environment's task; its seed is 0.
        other: The second's.
        other_seed: The second's seed.
        used: Use the first one before, for as many steps.
        held: Hold each action for a while, and try for longer.
    """
    steps, longest_hold = (_HELD_STEPS, _LONGEST_HOLD) if held else (STEPS, 1)
    with closing(_made(task)) as first, closing(_made(other)) as second:
        for _ in islice(_trajectory(first, 0), STEPS if used else 0):
            pass
        both = zip(*(_trajectory(*each, longest_hold) for each in ((first, 0), (second, other_seed))), strict=False)
        return next(
            (
                step
                for step, (ours, theirs) in enumerate(islice(both, steps))
                if not data_equivalence(ours, theirs, exact=True)
            ),
            None,
        )


def _made(task: TaskConfig) -> Env:
    """An environment whose faults are errors that say the step."""
    return Charged(make(task), Meter())


def _trajectory(env: Env, seed: int, longest_hold: int = 1) -> Iterator[tuple[Any, Any, bool, bool]]:
    """Without end: observation, reward, terminated, truncated, under random actions; episodes follow each other."""
    yield env.reset(seed=seed)[0], 0.0, False, False
    for action in _random_actions(env, longest_hold):
        observation, reward, terminated, truncated, _ = env.step(action)
        yield observation, _number(reward), bool(terminated), bool(truncated)
        if terminated or truncated:
            yield env.reset()[0], 0.0, False, False


def _random_actions(env: Env, longest_hold: int) -> Iterator[Any]:
    """Actions from the space, each held for up to that many steps; always the same for the same space."""
    actions = deepcopy(env.action_space)  # which two environments may share
    actions.seed(0)
    holds = np.random.default_rng(0)
    while True:
        yield from repeat(actions.sample(), int(holds.integers(1, longest_hold, endpoint=True)))


def _number(reward: Any) -> Any:
    """A reward as a float, so that equal ones of two types are equal; what is none stays as it is."""
    return reward if np.shape(reward) else float(reward)


def one_line(text: object) -> str:
    """A text, such as an error's, in one line of bounded length."""
    return shorten(str(text), _LONGEST, placeholder=" ...")
