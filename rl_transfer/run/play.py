"""Agents of finished runs at play, side by side, on the same episode seeds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_transfer import seeds
from rl_transfer.errors import ConfigError, EnvironmentFailedError
from rl_transfer.run.export import load_agent
from rl_transfer.run.teacher import SourceTeacher
from rl_transfer.store import read_json, read_spec
from rl_transfer.study import MappingConfig, RunSpec, TaskConfig
from rl_transfer.tasks import Charged, Meter, as_batch, inspect_task, make, map_spaces

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Player:
    """An agent, and the task that it plays.

    Attributes:
        folder: Its run's folder.
        spec: Its run.
        task: What it plays: the stage's task, or its own where it can't play that.
        mapped: Whether it sees the stage's task through a pair's mapping.
        alone: Whether it plays a task of its own.
    """

    folder: Path
    spec: RunSpec
    task: TaskConfig
    mapped: bool
    alone: bool
    agent: SourceTeacher

    @property
    def names(self) -> tuple[str, str, int]:
        """Pair, arm and seed."""
        return self.folder.parent.parent.name, self.folder.parent.name, self.spec.seed


@dataclass(frozen=True)
class View:
    """What is seen of one player after a step.

    Attributes:
        picture: The environment, shape (height, width, 3).
        return_: Undiscounted return so far.
        step: Steps so far.
        over: Whether the episode has ended.
    """

    picture: Picture
    return_: float
    step: int
    over: bool


def load_players(folders: Sequence[Path]) -> list[Player]:
    """The agents of finished runs, all on the task of the first one that is no source.

    A source whose spaces differ plays through the mapping of a run that started from it; a run that can't play the
    task plays its own.

    Args:
        folders: The runs' folders.

    Raises:
        ConfigError: If a run is not finished or left no agent.
        StoreError: If an agent can't be read.
    """
    specs = [read_spec(folder) for folder in folders]
    stage = next((spec.task for spec in specs if spec.role != "source"), specs[0].task)
    mappings = _mappings(specs)
    return [
        _player(folder, spec, stage, mappings.get(read_json(folder / "spec.json")["key"]))
        for folder, spec in zip(folders, specs, strict=True)
    ]


def _mappings(specs: Sequence[RunSpec]) -> Mapping[str, MappingConfig | None]:
    """By source run, what lies between its task and that of the runs which started from it."""
    found: dict[str, MappingConfig | None] = {}
    for spec in specs:
        if spec.source is not None:
            found[spec.source.key] = spec.mapping
            found |= {other.key: other.mapping for other in spec.other_sources}
    return found


def _player(folder: Path, spec: RunSpec, stage: TaskConfig, config: MappingConfig | None) -> Player:
    own = inspect_task(spec.task)
    mapped, alone = config is not None and spec.task != stage, False
    try:
        mapping = map_spaces(config if mapped else None, own, inspect_task(stage))
    except ConfigError:
        mapped, alone, mapping = False, True, map_spaces(None, own, own)
    learner = load_agent(folder)
    learner.close()  # the environments alone: it acts without them
    agent = SourceTeacher(learner, mapping, folder / "curve.csv")
    return Player(folder, spec, spec.task if alone else stage, mapped, alone, agent)


def pictures_per_second(player: Player) -> int:
    """What its environment says that its steps are shown at; 30 where it says nothing."""
    env = make(player.task, render_mode="rgb_array")
    env.close()
    return int(env.metadata.get("render_fps") or 30)


def play_episode(players: Sequence[Player], *, seed: int) -> Iterator[list[View]]:
    """Play one episode each, step by step; who is through waits for the others.

    Args:
        players: Who plays.
        seed: Of the episode, the same for all.

    Yields:
        What is seen of each player: before the first step, then after every one.

    Raises:
        ConfigError: If a task can't be shown.
        EnvironmentFailedError: If an environment raises, or returns something that is not finite.
    """
    turns: list[_Turn] = []
    try:
        turns.extend(_Turn(player, seed) for player in players)
        yield [turn.view for turn in turns]
        while not all(turn.view.over for turn in turns):
            for turn in turns:
                turn.step()
            yield [turn.view for turn in turns]
    finally:
        for turn in turns:
            turn.close()


class _Turn:
    """One player's episode."""

    def __init__(self, player: Player, seed: int) -> None:
        self._player = player
        self._env = Charged(make(player.task, render_mode="rgb_array"), Meter())
        self._generator = seeds.generator("play", seed, "play")
        try:
            self._observation, _ = self._env.reset(seed=seed)
            self.view = View(self._picture(), 0.0, 0, False)
        except BaseException:
            self._env.close()
            raise

    def step(self) -> None:
        """Take a step, unless the episode is over."""
        if self.view.over:
            return
        action: Any = self._player.agent.act(
            as_batch([self._observation]), deterministic=self._player.spec.deterministic, generator=self._generator
        )[0]
        self._observation, reward, terminated, truncated, _ = self._env.step(action)
        self.view = View(
            self._picture(), self.view.return_ + float(reward), self.view.step + 1, terminated or truncated
        )

    def close(self) -> None:
        """Close the environment."""
        self._env.close()

    def _picture(self) -> Picture:
        try:
            shown = self._env.render()
        except Exception as error:
            what = f"{self._player.task.id} can't be drawn: {type(error).__name__}: {' '.join(str(error).split())}"
            raise EnvironmentFailedError(f"{what}; is the extra 'play' installed?") from error
        picture = np.asarray(shown, dtype=np.uint8)
        if picture.ndim != 3 or picture.shape[2] != 3:
            raise EnvironmentFailedError(f"{self._player.task.id}: a picture has shape {picture.shape}, not (h, w, 3)")
        return picture
