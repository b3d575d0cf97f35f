"""One run of a published protocol that counts episodes: CartPole, DQN, knowledge from the other pole's agent.

This project counts steps, so the script `published_table.py` drives the learner through episodes with this.
"""

import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, SupportsFloat

import gymnasium
import numpy as np

from rl_transfer import seeds
from rl_transfer.errors import StoreError
from rl_transfer.knowledge import ROLES, Knowledge, Transitions, read_knowledge, write_knowledge
from rl_transfer.learner import Learner, build_learner
from rl_transfer.methods import build_methods
from rl_transfer.run.transfer import for_target, transfer, write_fates
from rl_transfer.store import read_json, write_csv, write_json
from rl_transfer.study import DQNConfig, Named, TaskConfig
from rl_transfer.tasks import Charged, Meter, evaluate, inspect_task, make, map_spaces

LENGTHS = (0.5, 0.8)
BUFFER = 10_000

_REPLAY = Named(name="replay", settings={"transitions": BUFFER})
# Without ``exploration``: epsilon starts anew in the published code.
_NETWORK: dict[str, Any] = {"roles": [role for role in ROLES if role != "exploration"]}
_WHOLE = Named(name="fine_tune", settings=_NETWORK)
_NEW_HEAD = Named(name="fine_tune", settings={**_NETWORK, "new_heads": True})
ARMS: dict[str, tuple[Named, ...]] = {
    "scratch": (),
    "buffer": (_REPLAY,),
    "model": (_WHOLE,),
    "both": (_WHOLE, _REPLAY),
    "model_new_head": (_NEW_HEAD,),
    "both_new_head": (_NEW_HEAD, _REPLAY),
}


@dataclass(frozen=True)
class Protocol:
    """How a run goes, in episodes.

    Attributes:
        decay_per: What epsilon's decay counts: finished episodes, or actions, the coming one included.
        target_shift: The target network follows after episode k where ``k + target_shift`` is a multiple of
            ``target_every``.
        carried: Which of the source's experience the buffer arms get: the newest of its training, or as many
            transitions of the finished source acting greedily, in random order.
    """

    decay_per: Literal["episode", "action"]
    target_shift: int
    carried: Literal["training", "greedy"]
    episodes: int = 200
    max_episode_steps: int = 200
    epsilon_start: float = 0.9
    epsilon_end: float = 0.01
    epsilon_decay: float = 0.995
    target_every: int = 10
    evaluate_every: int = 2
    evaluation_episodes: int = 10

    def epsilon(self, episodes: int, actions: int) -> float:
        """Epsilon of the next action after so many finished episodes and actions."""
        count = episodes if self.decay_per == "episode" else actions + 1
        return max(self.epsilon_start * self.epsilon_decay**count, self.epsilon_end)

    def follows(self, episodes: int) -> bool:
        """Whether the target network is synchronised once so many episodes are finished."""
        return (episodes + self.target_shift) % self.target_every == 0


PROTOCOLS = {
    "described": Protocol(decay_per="episode", target_shift=0, carried="training"),
    "code": Protocol(decay_per="action", target_shift=1, carried="greedy"),
}
"""The protocol in the words in which it is handed on, and what the published program does."""


@dataclass(frozen=True)
class Cell:
    """One run: the target's pole, what is carried, the seed."""

    length: float
    arm: str
    seed: int

    @property
    def source(self) -> "Cell | None":
        """The run whose knowledge it gets: from scratch with the other pole, the same seed."""
        other = LENGTHS[1 - LENGTHS.index(self.length)]
        return Cell(other, "scratch", self.seed) if ARMS[self.arm] else None

    @property
    def role(self) -> str:
        """Branch of the seeds: the arms of a pole share networks and evaluation episodes, the poles share nothing."""
        return f"length {self.length}"

    def folder(self, runs: Path) -> Path:
        """Where its files are."""
        return runs / f"{self.length}-{self.arm}" / f"seed-{self.seed:02d}"


class _Finished(Exception):
    """All episodes are done."""


class Episodic(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Counts finished episodes."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self.finished = 0

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Take one step; at an episode's end count it."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.finished += terminated or truncated
        return observation, reward, terminated, truncated, info


class EpisodicRun:
    """One run of the published protocol on its way.

    Args:
        protocol: How it goes.
        cell: Which it is.
    """

    def __init__(self, protocol: Protocol, cell: Cell) -> None:
        self.returns_TE: list[list[float]] = []
        self.epsilons: list[float] = []
        self.follows: list[int] = []
        self.meter = Meter()
        self._protocol, self._cell = protocol, cell
        self.task = task(cell.length, protocol)
        self._env = Episodic(Charged(make(self.task), self.meter))
        self._seen = 0
        self.learner = build_learner(
            learner_config(), [lambda: self._env], self.meter, seed=seeds.integer(cell.role, cell.seed, "initial")
        )

    @property
    def episodes(self) -> int:
        """Finished training episodes."""
        return self._env.finished

    def train(self) -> None:
        """Train and evaluate through all episodes."""
        self._evaluate()
        most = self._protocol.episodes * self._protocol.max_episode_steps
        try:
            # One step more than there can be: the watcher is called once more after the last episode.
            seed = seeds.integer(self._cell.role, self._cell.seed, "segment")
            self.learner.train(until=most + 1, horizon=most + 1, seed=seed, watch=self._watch)
        except _Finished:
            return

    def _watch(self, charged: int, _: int) -> None:
        """Before every step, after the update that used the one before."""
        if self._seen < self.episodes:
            self._seen = self.episodes
            self._after_episode()
        self._set_epsilon(self._protocol.epsilon(self.episodes, charged))

    def _after_episode(self) -> None:
        if self._protocol.follows(self.episodes):
            self.follows.append(self.episodes)
            self.learner.load_networks(self.learner.networks())  # its target network follows
        if self.episodes % self._protocol.evaluate_every == 0:
            self._evaluate()
        if self.episodes == self._protocol.episodes:
            raise _Finished

    def _set_epsilon(self, epsilon: float) -> None:
        """The one place that reaches into the library: the learner interface leaves epsilon to its own schedule."""
        self.epsilons.append(epsilon)
        self.learner._model.exploration_rate = epsilon  # type: ignore[attr-defined]

    def _evaluate(self) -> None:
        seed_of = partial(seeds.integer, self._cell.role, self._cell.seed, "evaluation", len(self.returns_TE))
        episode_seeds = [seed_of(episode) for episode in range(self._protocol.evaluation_episodes)]
        with self.learner.isolated(seed_of()):
            episodes = evaluate(self.task, partial(self.learner.act, deterministic=True), episode_seeds)
        self.returns_TE.append(episodes.return_E.tolist())


def task(length: float, protocol: Protocol) -> TaskConfig:
    """The dynamics of CartPole-v0 with a pole of this half-length, m."""
    return TaskConfig(
        id="transfer/CartPole-v0", kwargs={"length": length}, max_episode_steps=protocol.max_episode_steps
    )


def learner_config() -> DQNConfig:
    """The published hyperparameters; whatever counts steps in the library is out of the way."""
    return DQNConfig(
        algorithm="dqn",
        net_arch=(32, 32),
        learning_rate=1e-3,
        batch_size=32,
        buffer_size=BUFFER,
        gamma=0.99,
        learning_starts=0,
        train_freq=1,
        gradient_steps=1,
        target_update_interval=10**9,
    )


def greedy_transitions(learner: Learner, task: TaskConfig, seed: int, count: int = BUFFER) -> Transitions:
    """Transitions of a learner that acts greedily, in random order.

    Args:
        learner: Who acts.
        task: Where.
        seed: Of the environment and of the order.
        count: How many.
    """
    env = make(task)
    rows = []
    observation, _ = env.reset(seed=seed)
    for _ in range(count):
        action = learner.act(observation[None], deterministic=True)[0]
        following, reward, terminated, truncated, _ = env.step(action)
        rows.append((observation, [action], np.float32(reward), following, terminated, truncated))
        observation = env.reset()[0] if terminated or truncated else following
    env.close()
    order = np.random.default_rng(seed).permutation(count)
    arrays = (np.array(column)[order] for column in zip(*rows, strict=True))
    return Transitions(*arrays, np.arange(count))  # type: ignore[call-arg] # six columns and the time


def carry_out(protocol: Protocol, cell: Cell, runs: Path) -> None:
    """Do one run and store it; its source must be there already.

    Args:
        protocol: How it goes.
        cell: Which it is.
        runs: Folder of the protocol's runs.
    """
    began = time.monotonic()
    run, folder = EpisodicRun(protocol, cell), cell.folder(runs)
    try:
        if cell.source is not None:
            _transfer(run, cell, cell.source, protocol, runs)
        run.train()
        if cell.source is None:
            write_knowledge(folder / "agent", _knowledge(run, cell, protocol))
        points = [index * protocol.evaluate_every for index in range(len(run.returns_TE))]
        rows = [
            (k, e, value) for k, values in zip(points, run.returns_TE, strict=True) for e, value in enumerate(values)
        ]
        write_csv(folder / "curve.csv", ("training_episodes", "episode", "return"), rows)
        costs = {"steps": run.meter.steps, "gradient_steps": run.learner.gradient_steps}
        costs |= {"carried_transitions": run.learner.carried_transitions}
        # Last: a run without it is not finished.
        write_json(
            folder / "run.json",
            {"protocol": asdict(protocol), **costs, "wall_seconds": round(time.monotonic() - began, 1)},
        )
    finally:
        run.learner.close()


def _transfer(run: EpisodicRun, cell: Cell, source: Cell, protocol: Protocol, runs: Path) -> None:
    methods = build_methods(ARMS[cell.arm], run.learner.algorithm)
    knowledge = read_knowledge(
        source.folder(runs) / "agent", frozenset({"networks", "experience"}), algorithm=run.learner.algorithm
    )
    mapping = map_spaces(None, inspect_task(task(source.length, protocol)), inspect_task(run.task))
    knowledge = for_target(knowledge, run.learner, mapping, None)
    fates = transfer(methods, run.learner, knowledge)
    write_fates(cell.folder(runs) / "transfer.csv", fates)
    for method in methods:
        method.attach(run.learner, knowledge, np.random.default_rng(0))


def _knowledge(run: EpisodicRun, cell: Cell, protocol: Protocol) -> Knowledge:
    experience = run.learner.experience()
    if protocol.carried == "greedy":
        experience = greedy_transitions(run.learner, run.task, seeds.integer(cell.role, cell.seed, "method"))
    return Knowledge(networks=run.learner.networks(), experience=experience)


def is_finished(protocol: Protocol, cell: Cell, runs: Path) -> bool:
    """Whether a run is stored.

    Raises:
        StoreError: If it was made under another protocol.
    """
    file = cell.folder(runs) / "run.json"
    if not file.exists():
        return False
    if read_json(file)["protocol"] != asdict(protocol):
        raise StoreError(f"{file}: made under another protocol; choose another folder with --runs")
    return True
