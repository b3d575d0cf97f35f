"""Small learners, specifications and runs on probe environments, for the tests of several rooms."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rl_transfer import seeds
from rl_transfer.knowledge import Distribution, Knowledge, Networks, Teacher, write_networks
from rl_transfer.learner import Learner, build_learner
from rl_transfer.learner.sb3.networks import by_role
from rl_transfer.learner.sb3.regime import optimizers
from rl_transfer.run.protocol import Progress, Run
from rl_transfer.run.reviews import write_episodes
from rl_transfer.store import read_json, run_key, write_json, write_spec
from rl_transfer.study import (
    LEARNERS,
    DQNConfig,
    LearnerConfig,
    Named,
    OtherSourceSpec,
    PPOConfig,
    RunSpec,
    SourceSpec,
    TaskConfig,
)
from rl_transfer.tasks import Charged, Episode, Meter, make

WALK = TaskConfig(id="probes:Walk-v0")
BOX_WALK = TaskConfig(id="probes:Walk-v0", kwargs={"continuous": True})
DIAL = TaskConfig(id="probes:Dial-v0")


def ppo(**changes: Any) -> PPOConfig:
    """A tiny PPO: 32 steps a rollout."""
    small = {"n_envs": 2, "n_steps": 16, "batch_size": 16, "n_epochs": 2, "net_arch": [8], "learning_rate": 0.01}
    return PPOConfig(algorithm="ppo", **small | changes)


def dqn(**changes: Any) -> DQNConfig:
    """A tiny DQN: 8 steps a rollout."""
    small = {"n_envs": 2, "buffer_size": 100, "learning_starts": 10, "batch_size": 8, "train_freq": 4}
    small |= {"target_update_interval": 20, "exploration_fraction": 0.5, "net_arch": [8], "learning_rate": 0.01}
    return DQNConfig(algorithm="dqn", **small | changes)


def _on_policy(algorithm: str, **changes: Any) -> LearnerConfig:
    small: dict[str, Any] = {"n_envs": 2, "n_steps": 16, "net_arch": [8], "learning_rate": 0.01}
    return LEARNERS[algorithm](algorithm=algorithm, **small | changes)


def _off_policy(algorithm: str, **changes: Any) -> LearnerConfig:
    small: dict[str, Any] = {"n_envs": 2, "buffer_size": 100, "learning_starts": 10, "batch_size": 8, "train_freq": 4}
    small |= {"net_arch": [8], "learning_rate": 0.01}
    return LEARNERS[algorithm](algorithm=algorithm, **small | changes)


TINY = {
    "ppo": ppo,
    "a2c": partial(_on_policy, "a2c"),
    "trpo": partial(_on_policy, "trpo", batch_size=16, n_critic_updates=2),
    "dqn": dqn,
    "qrdqn": partial(_off_policy, "qrdqn", target_update_interval=20, exploration_fraction=0.5, n_quantiles=5),
    "sac": partial(_off_policy, "sac"),
    "tqc": partial(_off_policy, "tqc", n_quantiles=5),
    "td3": partial(_off_policy, "td3", noise_type="normal"),
    "ddpg": partial(_off_policy, "ddpg", noise_type="ornstein-uhlenbeck"),
}


# Every setting at once that speaks of steps, and each that is set again in every segment.
REGIME: dict[str, Any] = {
    "freeze": ["policy_body", "value_head"],
    "freeze_steps": 80,
    "gradual_unfreezing": True,
    "learning_rate_scale": {"policy_head": 0.1, "value_body": 3.0},
    "critic_warmup_steps": 40,
    "optimizer": "carry",
    "shrink": 0.8,
    "perturb": 0.1,
    "statistics": "blend",
    "blend_steps": 20,
}


def tiny(algorithm: str, **changes: Any) -> LearnerConfig:
    """The tiny configuration of an algorithm; one without an entry above fails its tests."""
    return TINY[algorithm](**changes)


def task_of(config: LearnerConfig) -> TaskConfig:
    """The walk with actions that the algorithm can take."""
    return BOX_WALK if config.off_policy and "policy" in config.parts else WALK


def tasks_of(algorithm: str) -> list[TaskConfig]:
    """The walks, with discrete and with Box actions, that an algorithm can learn."""
    cls = LEARNERS[algorithm]
    if not cls.off_policy:
        return [WALK, BOX_WALK]
    return [task_of(tiny(algorithm))]


def failing(config: LearnerConfig, **kwargs: Any) -> TaskConfig:
    """The walk that fails, with actions that the algorithm can take."""
    return TaskConfig(id="probes:Fails-v0", kwargs=task_of(config).kwargs | kwargs)


def learner(config: LearnerConfig, task: TaskConfig | None = None, *, seed: int = 0, **more: Any) -> Learner:
    """A learner on charged environments."""
    meter, task = Meter(), task or task_of(config)
    return build_learner(config, [lambda: Charged(make(task), meter)] * config.n_envs, meter, seed=seed, **more)


def nothing(*_: object) -> None:
    """Watch, and see nothing."""


def train(learner: Learner, until: int, *, horizon: int | None = None, seed: int = 1, watch: Any = nothing) -> None:
    """Train a learner for one segment."""
    learner.train(until=until, horizon=until if horizon is None else horizon, seed=seed, watch=watch)


def flat(networks: Networks) -> dict[str, np.ndarray]:
    """All tensors by ``role/name``."""
    return {f"{role}/{name}": array for role, tensors in networks.items() for name, array in tensors.items()}


def as_bytes(networks: Networks) -> dict[str, bytes]:
    """All tensors byte for byte."""
    return {name: array.tobytes() for name, array in flat(networks).items()}


def first_gradients(agent: Learner) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Train a Stable-Baselines3 learner for 32 steps and close it.

    Returns:
        Gradients by ``role/name`` just before the first step of each optimizer, and the parameters then.
    """
    ours = by_role(agent._model)
    names = {id(tensor): f"{role}/{name}" for role, found in ours.items() for name, tensor in found.items()}
    gradients: dict[str, np.ndarray] = {}
    values: dict[str, np.ndarray] = {}

    def look(optimizer: Any, *_: Any) -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                name = names.get(id(parameter))
                if name is not None and name not in gradients and parameter.grad is not None:
                    gradients[name] = parameter.grad.numpy().copy()
                    values[name] = parameter.detach().numpy().copy()

    for optimizer in optimizers(agent._model):
        optimizer.register_step_pre_hook(look)
    train(agent, 32)
    agent.close()
    return gradients, values


def knowledge_of(agent: Learner) -> Knowledge:
    """What a learner would leave behind, but for its experience."""
    return Knowledge(
        algorithm=agent.algorithm,
        networks=agent.networks(),
        statistics=agent.statistics(),
        optimizer=agent.optimizer_state(),
        reading=agent.reading(),
    )


def forward(networks: Networks, kind: str, observations: Any, activation: str = "tanh") -> np.ndarray:
    """What a body and head compute, by NumPy alone: ``kind`` is policy or value."""
    squash = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}[activation]
    body, head = networks[f"{kind}_body"], networks[f"{kind}_head"]
    hidden = np.asarray(observations, np.float32)
    for layer in sorted({int(name.split(".")[0]) for name in body}):
        hidden = squash(hidden @ body[f"{layer}.weight"].T + body[f"{layer}.bias"])
    return hidden @ head["weight"].T + head["bias"]


class Oracle(Teacher):
    """A teacher that always does the same, and whose values and policy are functions of the observations."""

    def __init__(
        self,
        action: Any = 1,
        values: Callable[[Any], Any] | None = None,
        length: float = 5.0,
        *,
        policy: Callable[[Any], Distribution] | None = None,
        evaluation_return: float = 0.0,
    ) -> None:
        self.action, self.values, self.length = np.asarray(action), values, length
        self.policy, self._evaluation_return = policy, evaluation_return
        self.seen: list[Any] = []

    @property
    def episode_length(self) -> float:
        return self.length

    @property
    def evaluation_return(self) -> float:
        return self._evaluation_return

    def distribution_of(self, observations: Any, *, temperature: float = 1.0) -> Distribution:
        assert self.policy is not None
        self.calls += len(observations)
        return self.policy(observations)

    def act(self, observations: Any, *, deterministic: bool = True, generator: Any = None) -> np.ndarray:
        self.calls += len(observations)
        self.seen.append(observations)
        return np.stack([self.action] * len(observations))

    def values_of(self, observations: Any) -> np.ndarray:
        assert self.values is not None
        self.calls += len(observations)
        return np.asarray(self.values(observations), np.float64)


def run_spec(config: LearnerConfig | None = None, **changes: Any) -> RunSpec:
    """A target run of 128 steps in two segments on the walk."""
    values: dict[str, Any] = {
        "role": "target",
        "task": task_of(config or ppo()),
        "task_digest": "0",
        "learner": config or ppo(),
        "grid": (0, 32, 64, 96, 128),
        "episodes": 3,
        "deterministic": True,
        "segment_steps": 64,
        "seed": 0,
        "code": "0",
        "versions": {},
    }
    return RunSpec(**values | changes)


def arm_spec(
    spec: RunSpec, source: Path, *methods: Any, scrambled: bool = False, others: Mapping[str, Path] | None = None
) -> RunSpec:
    """The same run with methods and a source, or several; a method is a name or a (name, settings) pair."""
    named = [Named(name=m) if isinstance(m, str) else Named(name=m[0], settings=m[1]) for m in methods]
    values = {name: getattr(spec, name) for name in RunSpec.model_fields}
    first = SourceSpec(key=_key(source), scrambled=scrambled, name="first" if others else None)
    further = [OtherSourceSpec(name=name, key=_key(folder)) for name, folder in (others or {}).items()]
    return RunSpec(**values | {"methods": named, "source": first, "other_sources": further})


def _key(folder: Path) -> str:
    return folder.name.rpartition("-")[2]


def folder_of(spec: RunSpec, root: Path) -> Path:
    """A run's folder, with its specification in it."""
    folder = root / f"seed{spec.seed}-{run_key(spec)}"
    write_spec(folder, run_key(spec), spec)
    return folder


def carry_out(
    spec: RunSpec,
    root: Path,
    source: Path | None = None,
    on_progress: Any = nothing,
    *,
    references: Sequence[Path] = (),
    others: Sequence[Path] = (),
    signals: bool = True,
    **more: Any,
) -> Path:
    """Carry out a run in this process; returns its folder."""
    folder = folder_of(spec, root)
    Run(spec, folder, source, on_progress, references, others, signals=signals).carry_out(**more)
    return folder


def handmade_references(root: Path, reward_sums: Sequence[float], *, steps: int = 128) -> list[Path]:
    """Reference runs as they leave their folders: an episode ends at every step, in each with the same return."""
    folders = [root / f"reference{number}" for number in range(len(reward_sums))]
    for folder, reward_sum in zip(folders, reward_sums, strict=True):
        write_episodes(folder, [Episode(step, reward_sum, 1) for step in range(1, steps + 1)])
        write_json(folder / "costs.json", {"target_steps": steps})
    return folders


def handmade_source(root: Path, spec: RunSpec, networks: Networks) -> Path:
    """A source folder as a finished run leaves it, from networks alone."""
    folder = folder_of(spec, root)
    write_networks(folder / "agent" / "networks.safetensors", networks)
    write_json(folder / "costs.json", {"target_steps": 0})
    return folder


def initial_networks(spec: RunSpec) -> Networks:
    """The networks that a run starts with."""
    fresh = learner(spec.learner, spec.task, seed=seeds.integer(spec.role, spec.seed, "initial"))
    fresh.close()
    return fresh.networks()


def outputs(folder: Path) -> dict[str, Any]:
    """All that must be equal where two runs should be: everything measured, but the wall time."""
    costs = read_json(folder / "costs.json")
    del costs["wall_seconds"]
    files = [path for path in (folder / "agent").glob("*") if path.suffix != ".zip"]
    files += [folder / name for name in ("curve.csv", "episodes.csv", "transfer.csv", "status.json")]
    files += folder.glob("retention*.csv")
    return {path.name: path.read_bytes() for path in files if path.exists()} | {"costs": costs}


def curve(folder: Path) -> dict[int, list[float]]:
    """Returns by step, in the order of the file."""
    found: dict[int, list[float]] = {}
    for row in csv.DictReader((folder / "curve.csv").read_text().splitlines()):
        found.setdefault(int(row["step"]), []).append(float(row["return"]))
    return found


def status(folder: Path) -> dict[str, Any]:
    """The status file."""
    return json.loads((folder / "status.json").read_text())


class Interrupt:
    """Kills a run, from its progress calls, at the first one at or after a step."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.armed = True

    def __call__(self, progress: Progress) -> None:
        if self.armed and progress.step >= self.step:
            self.armed = False
            raise KeyboardInterrupt


source_spec = partial(run_spec, role="source")
