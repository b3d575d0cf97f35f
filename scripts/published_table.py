"""A published transfer table again, with the shipped harness: CartPole with a pole of half-length 0.5 and 0.8, DQN.

The table is that of the repository Luca-Mueller/drl-transfer (cartpole/r_scores.txt): R = (A_transfer - A_scratch) /
A_transfer, A the area under the evaluation curve, for carrying the replay buffer, the network, or both. It counts
episodes where this project counts steps, so this script drives the learner by itself; docs/published.md has the result.

``python scripts/published_table.py`` trains what is missing, then prints the table. A finished run is never trained
again: stop it at will, or let it stop by itself with ``--minutes``.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, SupportsFloat

import gymnasium
import numpy as np
import tyro
from filelock import FileLock, Timeout
from numpy.typing import ArrayLike, NDArray

from rl_transfer import seeds
from rl_transfer.analysis import judge
from rl_transfer.errors import RLTransferError, StoreError
from rl_transfer.knowledge import ROLES, Knowledge, Transitions, read_knowledge, write_knowledge
from rl_transfer.learner import Learner, build_learner
from rl_transfer.methods import build_methods
from rl_transfer.run.transfer import transfer, write_fates
from rl_transfer.stats import Interval, p_value
from rl_transfer.store import read_json, write_csv, write_json
from rl_transfer.study import DQNConfig, Named, TaskConfig
from rl_transfer.tasks import Charged, Meter, evaluate, inspect_task, make, map_spaces

Floats = NDArray[np.float64]

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
PUBLISHED = {
    (0.5, "buffer"): 0.21,
    (0.5, "model"): 0.36,
    (0.5, "both"): 0.28,
    (0.8, "buffer"): 0.00,
    (0.8, "model"): 0.23,
    (0.8, "both"): 0.24,
}
"""By the target's pole and what was carried."""

_COLUMNS = (
    *("target", "carried", "published R", "our R", "95 % interval", "five of ours", "agrees"),
    *("mean return (scratch)", "verdict", "n"),
)


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
    fates = transfer(methods, run.learner, knowledge, mapping, None)
    write_fates(cell.folder(runs) / "transfer.csv", fates)
    for method in methods:
        method.attach(run.learner)


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


def read_curve(cell: Cell, runs: Path) -> Floats:
    """Mean return at each evaluation of a stored run, shape (evaluations,)."""
    table = np.loadtxt(cell.folder(runs) / "curve.csv", delimiter=",", skiprows=1)
    return np.array([table[table[:, 0] == point, 2].mean() for point in np.unique(table[:, 0])])


def area_ratio(scratch_N: ArrayLike, transfer_M: ArrayLike) -> float:
    """R = (A_transfer - A_scratch) / A_transfer of the mean areas of the runs of both arms."""
    return 1.0 - float(np.asarray(scratch_N).mean() / np.asarray(transfer_M).mean())


def ratio_interval(scratch_N: ArrayLike, transfer_M: ArrayLike, level: float = 0.05) -> Interval:
    """All R that the runs don't reject, by inverting the project's test as Fieller inverts Student's.

    A ratio R of the means says that the transfer runs, each multiplied with 1 - R, have the mean of the scratch runs.
    R is kept where `rl_transfer.stats.p_value` of these two groups is above the level (the larger of Welch's and the
    permutation test's p-value); the interval is the hull of what is kept. Areas must be positive, so R is below 1.

    Source: Fieller (1954), "Some problems in interval estimation", JRSS B 16.

    Args:
        scratch_N: Area of each run from scratch, shape (runs,).
        transfer_M: Area of each run with transfer, shape (runs,).
        level: Two-sided error level in (0, 1).
    """
    scratch, arm = np.asarray(scratch_N, dtype=np.float64), np.asarray(transfer_M, dtype=np.float64)
    centre = scratch.mean() / arm.mean()

    def kept(factor: float) -> bool:
        return p_value(scratch, factor * arm) > level

    def end(outermost: float) -> float | None:
        # From outside in by tenths: the first factor that is kept is inside the hull; then halve the gap before it.
        outside = outermost
        for inside in np.geomspace(outermost, centre, 42):
            if kept(float(inside)):
                break
            outside = float(inside)
        if outside == outermost == inside:
            return None
        while abs(inside - outside) > 1e-4:
            middle = (inside + outside) / 2
            outside, inside = (outside, middle) if kept(middle) else (middle, inside)
        return 1.0 - float(inside)

    low, high = end(50.0 * centre), end(centre / 50.0)
    return Interval(-np.inf if low is None else low, 1.0 if high is None else high)


def spread_of_five(scratch_N: Floats, transfer_N: Floats) -> Interval:
    """Where R of five repetitions falls nineteen times in twenty, if our runs are all there is to draw from."""
    draw = np.random.default_rng(0).choice
    drawn = [draw(group, (20_000, 5)).mean(axis=1) for group in (scratch_N, transfer_N)]
    return Interval(*np.quantile(1.0 - drawn[0] / drawn[1], (0.025, 0.975)))


@dataclass(frozen=True)
class Table:
    """What is stored of one protocol.

    Attributes:
        protocol: The protocol.
        runs: Folder of its runs.
        seeds: Seeds to read, as far as they are finished.
    """

    protocol: Protocol
    runs: Path
    seeds: range

    @cached_property
    def curves(self) -> dict[tuple[float, str], Floats]:
        """The curves of each arm by length and arm, shape (runs, evaluations), in the order of their seeds."""
        found = {}
        for length, arm in product(LENGTHS, ARMS):
            cells = [Cell(length, arm, seed) for seed in self.seeds]
            done = [read_curve(cell, self.runs) for cell in cells if is_finished(self.protocol, cell, self.runs)]
            if len(done) > 1:
                found[length, arm] = np.array(done)
        return found

    def lines(self) -> Iterator[str]:
        """The table as Markdown."""
        yield f"| {' | '.join(_COLUMNS)} |"
        yield "|---" * len(_COLUMNS) + "|"
        for (length, arm), curves in self.curves.items():
            scratch = self.curves.get((length, "scratch"))
            if arm != "scratch" and scratch is not None:
                yield self._line(length, arm, scratch.mean(axis=1), curves.mean(axis=1))

    def _line(self, length: float, arm: str, scratch_N: Floats, arm_M: Floats) -> str:
        interval = ratio_interval(scratch_N, arm_M)
        five = spread_of_five(scratch_N, arm_M) if min(len(scratch_N), len(arm_M)) >= 5 else None
        limit = self.protocol.max_episode_steps
        verdict = judge(scratch_N / limit, arm_M / limit, comparisons=3, worst=0.0)
        published = PUBLISHED.get((length, arm.removesuffix("_new_head")))
        cells = (
            f"{length}",
            arm.replace("_", " "),
            "" if published is None else f"{published:.2f}",
            f"{area_ratio(scratch_N, arm_M):.2f}",
            f"{interval.low:.2f} to {interval.high:.2f}",
            "" if five is None else f"{five.low:.2f} to {five.high:.2f}",
            "" if five is None or published is None else "yes" if five.low <= published <= five.high else "no",
            f"{arm_M.mean():.0f} ({scratch_N.mean():.0f})",
            f"{verdict.verdict}{', fragile' if verdict.fragile else ''} {verdict.difference:+.2f}",
            f"{len(scratch_N)}, {len(arm_M)}",
        )
        return f"| {' | '.join(cells)} |"


def insert(table: str, name: str, document: str) -> str:
    """Put a table between the marks of its protocol in a Markdown document.

    Args:
        table: Its lines.
        name: The protocol.
        document: The document's text.

    Raises:
        RLTransferError: If the document has no such marks.
    """
    begin, end = f"<!-- table: {name} -->\n", f"<!-- end: {name} -->\n"
    before, found, rest = document.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise RLTransferError(f"the document needs the lines {begin!r} and {end!r}")
    return f"{before}{begin}\n{table}\n\n{end}{after}"


def draw(table: Table, file: Path) -> None:
    """Draw every run and the mean of each arm beside from-scratch learning."""
    from matplotlib.figure import Figure

    arms = [arm for arm in ARMS if arm != "scratch" and any(key[1] == arm for key in table.curves)]
    figure = Figure(figsize=(3.0 * len(arms) + 0.6, 5.2), layout="constrained")
    axes = figure.subplots(len(LENGTHS), len(arms), sharex=True, sharey=True, squeeze=False)
    for (row, length), (column, arm) in product(enumerate(LENGTHS), enumerate(arms)):
        panel = axes[row, column]
        for name, colour in (("scratch", "#000000"), (arm, "#0072b2")):
            curves = table.curves.get((length, name))
            if curves is not None:
                episodes = np.arange(curves.shape[1]) * table.protocol.evaluate_every
                panel.plot(episodes, curves.T, color=colour, alpha=0.22, linewidth=0.5)
                panel.plot(episodes, curves.mean(axis=0), color=colour, linewidth=1.8, label=name.replace("_", " "))
        panel.set_title(f"target {length}, {arm.replace('_', ' ')}", loc="left", fontsize=9)
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False, fontsize=8, loc="upper left")
        panel.set_ylim(0, table.protocol.max_episode_steps * 1.15)
    figure.supxlabel("training episodes", fontsize=9)
    figure.supylabel("mean return of 10 evaluation episodes", fontsize=9)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110, metadata={"Software": None})


@dataclass(frozen=True)
class Options:
    """Train what is missing, then print the table."""

    protocol: Literal["described", "code"] = "described"
    """The protocol as it is handed on, or as the published program has it."""
    arms: tuple[str, ...] = ("buffer", "model", "both")
    """What to carry; also model_new_head and both_new_head."""
    seeds: int = 10
    """Runs of each arm."""
    first_seed: int = 0
    """The first of them."""
    minutes: float = float("inf")
    """Begin no run that would probably end later than this."""
    runs: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs/published")
    """Where finished runs are kept."""
    figure: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Draw the learning curves into this file."""
    write: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Put the table between its marks in this Markdown file."""


def wanted(options: Options) -> list[Cell]:
    """All runs of the options, seed after seed, sources before what needs them."""
    numbers = range(options.first_seed, options.first_seed + options.seeds)
    return [Cell(length, arm, seed) for seed in numbers for arm in ("scratch", *options.arms) for length in LENGTHS]


def train_missing(options: Options) -> int:
    """Do the runs that are not stored; returns how many are still missing when the time is up.

    Several programs may share the folder: a run that another one is at, or whose source is not there yet, is left out.
    """
    protocol, runs = PROTOCOLS[options.protocol], options.runs / options.protocol
    began, done = time.monotonic(), 0
    for cell in wanted(options):
        spent = time.monotonic() - began
        if spent * (done + 1.5) > 60 * options.minutes * max(done, 1):
            break
        if _do(protocol, cell, runs):
            done += 1
            print(f"{options.protocol} {cell}: {time.monotonic() - began - spent:.0f} s", flush=True)
    return sum(not is_finished(protocol, cell, runs) for cell in wanted(options))


def _do(protocol: Protocol, cell: Cell, runs: Path) -> bool:
    """Do one run unless it is done, another program's, or its source's turn has not come; returns whether it did."""
    if is_finished(protocol, cell, runs) or not (cell.source is None or is_finished(protocol, cell.source, runs)):
        return False
    folder = cell.folder(runs)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            if is_finished(protocol, cell, runs):
                return False
            carry_out(protocol, cell, runs)
            return True
    except Timeout:
        return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and print; returns 1 where runs are missing."""
    options = tyro.cli(Options, args=arguments, description=__doc__)
    for arm in options.arms:
        if arm not in ARMS or arm == "scratch":
            raise RLTransferError(f"no arm is called {arm!r}; there are {', '.join(list(ARMS)[1:])}")
    import torch

    torch.set_num_threads(1)  # the number of threads changes the weights
    missing = train_missing(options)
    numbers = range(options.first_seed, options.first_seed + options.seeds)
    table = Table(PROTOCOLS[options.protocol], options.runs / options.protocol, numbers)
    printed = "\n".join(table.lines())
    print(printed)
    if options.write is not None:
        document = insert(printed, options.protocol, options.write.read_text(encoding="utf-8"))
        options.write.write_text(document, encoding="utf-8")
    if options.figure is not None:
        draw(table, options.figure)
    if missing:
        print(f"{missing} runs are missing: run it again", file=sys.stderr)
    return int(missing > 0)


if __name__ == "__main__":
    sys.exit(main())
