"""The frozen types behind study and pair files; every YAML key is a field here and nowhere else."""

import math
import re
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from rl_transfer.errors import nearest
from rl_transfer.study.yaml_file import shown

T = TypeVar("T")
Many = Annotated[tuple[T, ...], Field(strict=False)]
"""A tuple that may be given as a list, which is what YAML and JSON have; its items stay strict."""

Text = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]


def safe_name(name: str) -> str:
    """Pass on a name that is also a safe folder name; the dot is kept for ``arm.placebo`` and ``arm.sham``."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name) is None:
        rule = "becomes a folder's: use letters, digits, '-' and '_' (64 at most, the first a letter or digit)"
        raise PydanticCustomError("name", "this name {rule}", {"rule": rule})
    return name


def _arm_name(name: str) -> str:
    if name in ("scratch", "source"):
        raise PydanticCustomError("reserved", "an arm of this name is made by itself: remove it or rename it")
    return safe_name(name)


def _schedule(value: Any) -> Any:
    """A constant, or RL Zoo's ``lin_X``: falls linearly from X to 0 over the budget."""
    number = value
    if isinstance(value, str):
        match = re.fullmatch(r"lin_((?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)", value, re.ASCII)
        number = float(match[1]) if match else None
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < math.inf:
        raise PydanticCustomError("schedule", "must be a number above 0, or lin_X for a fall from X to 0")
    return value


Name = Annotated[str, AfterValidator(safe_name)]
ArmName = Annotated[str, AfterValidator(_arm_name)]
Schedule = Annotated[float | str, BeforeValidator(_schedule)]
Activation = Literal["tanh", "relu", "elu", "leaky_relu"]
Layers = Many[PositiveInt]


class Frozen(BaseModel):
    """Base of all configuration: read-only, finite, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        for key in data if isinstance(data, dict) else ():
            if key not in cls.model_fields:
                hint = nearest(str(key), cls.model_fields)
                raise PydanticCustomError("unknown_key", "unknown key; {hint}", {"key": key, "hint": hint})
        return data


class Named(Frozen):
    """A plug-in by name with its settings; in YAML either ``name`` or ``{name: {setting: value}}``."""

    name: Text
    settings: dict[str, JsonValue] = {}

    @model_validator(mode="before")
    @classmethod
    def _read_short_form(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"name": data}
        if not isinstance(data, dict) or "name" in data:
            return data
        ((name, settings),) = data.items() if len(data) == 1 else ((None, None),)
        if name is None or not isinstance(settings, dict | None):
            raise PydanticCustomError("named", "each entry is one name, or one 'name: {setting: value}'")
        return {"name": name, "settings": settings or {}}


class TaskConfig(Frozen):
    """One environment to learn: Gymnasium id, keyword arguments, wrappers (innermost first)."""

    id: Text
    kwargs: dict[str, JsonValue] = {}
    wrappers: Many[Named] = ()
    max_episode_steps: PositiveInt | None = None


class _Learner(Frozen):
    n_envs: PositiveInt = 1
    gamma: Share = 0.99
    activation: Activation = "tanh"
    max_grad_norm: PositiveFloat = 0.5


class PPOConfig(_Learner):
    """PPO with Stable-Baselines3's names and defaults (Schulman et al. 2017)."""

    algorithm: Literal["ppo"]
    net_arch: Layers = (64, 64)
    learning_rate: Schedule = 3e-4
    n_steps: PositiveInt = 2048
    batch_size: Annotated[int, Field(ge=2)] = 64
    n_epochs: PositiveInt = 10
    gae_lambda: Share = 0.95
    clip_range: Schedule = 0.2
    clip_range_vf: Schedule | None = None
    normalize_advantage: bool = True
    ent_coef: NonNegativeFloat = 0.0
    vf_coef: NonNegativeFloat = 0.5
    target_kl: PositiveFloat | None = None

    @property
    def rollout_steps(self) -> int:
        """Environment steps between two updates."""
        return self.n_envs * self.n_steps


class DQNConfig(_Learner):
    """DQN with Stable-Baselines3's names and defaults (Mnih et al. 2015)."""

    algorithm: Literal["dqn"]
    net_arch: Layers = (64, 64)
    activation: Activation = "relu"
    max_grad_norm: PositiveFloat = 10.0
    learning_rate: Schedule = 1e-4
    buffer_size: PositiveInt = 1_000_000
    learning_starts: NonNegativeInt = 100
    batch_size: PositiveInt = 32
    tau: Share = 1.0
    train_freq: PositiveInt = 4
    gradient_steps: Annotated[int, Field(ge=-1)] = 1
    target_update_interval: PositiveInt = 10_000
    exploration_fraction: Share = 0.1
    exploration_initial_eps: Share = 1.0
    exploration_final_eps: Share = 0.05
    n_step_returns: PositiveInt = 1

    @property
    def rollout_steps(self) -> int:
        """Environment steps between two updates."""
        return self.n_envs * self.train_freq


def _known_algorithm(data: Any) -> Any:
    if isinstance(data, dict):
        name = data.get("algorithm")
        if name not in ALGORITHMS:
            what = f"{shown(name)} is not known" if "algorithm" in data else "is missing"
            text = f"{what}; {nearest(str(name), ALGORITHMS)}"
            raise PydanticCustomError("algorithm", "{text}", {"text": text})
    return data


ALGORITHMS = ("ppo", "dqn")
OFF_POLICY = ("dqn",)
LearnerConfig = Annotated[PPOConfig | DQNConfig, Field(discriminator="algorithm"), BeforeValidator(_known_algorithm)]


class BudgetConfig(Frozen):
    """Environment steps that training may use."""

    source: PositiveInt
    target: PositiveInt


class EvaluationConfig(Frozen):
    """The grid of the curve: points over the budget, step 0 and the budget included."""

    points: Annotated[int, Field(ge=2)] = 11
    episodes: PositiveInt = 10
    deterministic: bool = True


class ScoreConfig(Frozen):
    """Score anchors, as returns on the target: score = (return - random) / (reference - random), floored at worst."""

    random: float
    reference: float
    worst: float

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.worst <= self.random < self.reference:
            raise PydanticCustomError("anchors", "needs worst <= random < reference")
        return self


class PairConfig(Frozen):
    """Source task, target task and the defaults for learning and measuring on them."""

    description: str = ""
    source: TaskConfig
    target: TaskConfig
    learner: LearnerConfig
    budget: BudgetConfig
    evaluation: EvaluationConfig = EvaluationConfig()
    score: ScoreConfig
    threshold_score: float
    source_threshold_return: float


class ArmConfig(Frozen):
    """A named list of methods, run also on scrambled knowledge (placebo) and on a sham source if asked."""

    methods: Annotated[Many[Named], Field(min_length=1)]
    placebo: bool = True
    sham: bool = False


class StudyConfig(Frozen):
    """Pairs x arms x seeds, with the settings of the verdict.

    ``learner``, ``budget``, ``evaluation`` and ``score`` are laid over every pair's own; another algorithm replaces
    the whole ``learner``.
    """

    description: str = ""
    pairs: Annotated[Many[str], Field(min_length=1)]
    arms: Annotated[dict[ArmName, ArmConfig], Field(min_length=1)]
    seeds: Annotated[int, Field(ge=2)] = 6
    first_seed: NonNegativeInt = 0
    baseline_seeds: PositiveInt | None = None
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    margin: PositiveFloat = 0.10
    device: Literal["cpu", "cuda"] = "cpu"
    segment_steps: PositiveInt | None = None
    learner: dict[str, JsonValue] = {}
    budget: dict[str, JsonValue] = {}
    evaluation: dict[str, JsonValue] = {}
    score: dict[str, JsonValue] = {}

    @field_validator("baseline_seeds")
    @classmethod
    def _not_too_uneven(cls, baseline_seeds: int | None, info: ValidationInfo) -> int | None:
        seeds = info.data.get("seeds")
        if baseline_seeds is not None and seeds is not None and not seeds <= baseline_seeds <= 2 * seeds:
            text = "must be from {low} to {high}: as many as the arms' seeds, up to twice as many"
            raise PydanticCustomError("baseline_seeds", text, {"low": seeds, "high": 2 * seeds})
        return baseline_seeds
