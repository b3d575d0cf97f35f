"""The learners: each algorithm's settings, with its library's names and defaults."""

import math
import re
from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic_core import PydanticCustomError

from rl_transfer.errors import nearest
from rl_transfer.study.base import Frozen, Many, Share
from rl_transfer.study.features import FeaturesConfig
from rl_transfer.study.yaml_file import shown


def _schedule(value: Any) -> Any:
    """A constant, or RL Zoo's ``lin_X``: falls linearly from X to 0 over the budget."""
    number = value
    if isinstance(value, str):
        match = re.fullmatch(r"lin_((?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)", value, re.ASCII)
        number = float(match[1]) if match else None
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < math.inf:
        raise PydanticCustomError("schedule", "must be a number above 0, or lin_X for a fall from X to 0")
    return value


def _entropy_coefficient(value: Any) -> Any:
    """A constant, or the library's ``auto`` and ``auto_X`` (learned, from X)."""
    number = value
    if isinstance(value, str):
        match = re.fullmatch(r"auto(?:_(\d+\.?\d*|\.\d+))?", value, re.ASCII)
        number = float(match[1] or 1) if match else None
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < math.inf:
        raise PydanticCustomError("schedule", "must be a number above 0, or auto, or auto_X to start from X")
    return value


# What editors are told of both (configs/schema).
_Falling = Annotated[str, Field(pattern=r"^lin_")]
_Learned = Annotated[str, Field(pattern=r"^auto(_|$)")]

Schedule = Annotated[float | str, BeforeValidator(_schedule, json_schema_input_type=PositiveFloat | _Falling)]
EntropyCoefficient = Annotated[
    float | str, BeforeValidator(_entropy_coefficient, json_schema_input_type=PositiveFloat | _Learned)
]
Activation = Literal["tanh", "relu", "elu", "leaky_relu"]
Layers = Many[PositiveInt]
TrainedPart = Literal["policy", "value"]


class ActorCriticLayers(Frozen):
    """Hidden layers of policy and value, under Stable-Baselines3's names."""

    pi: Layers
    vf: Layers


class ActorQLayers(Frozen):
    """Hidden layers of the actor and of each Q-network, under Stable-Baselines3's names."""

    pi: Layers
    qf: Layers


def _both_or_neither(value: Any) -> Any:
    return {"observation": value, "reward": value} if isinstance(value, bool) else value


class NormalizeConfig(Frozen):
    """Running normalisation of observations and rewards (VecNormalize); ``true`` stands for both."""

    observation: bool = True
    reward: bool = True
    clip_observation: PositiveFloat = 10.0
    clip_reward: PositiveFloat = 10.0


class Learner(Frozen):
    """What all learners have.

    Attributes:
        features: What stands between the observation and the bodies; by default nothing for vectors, and a network
            that fits the size for images.
    """

    parts: ClassVar[tuple[TrainedPart, ...]] = ("policy", "value")
    """The parts that losses of their own train."""
    off_policy: ClassVar[bool] = False

    algorithm: str
    n_envs: PositiveInt = 1
    gamma: Share = 0.99
    learning_rate: Schedule
    activation: Activation = "relu"
    features: FeaturesConfig | None = None
    normalize: Annotated[
        NormalizeConfig, BeforeValidator(_both_or_neither, json_schema_input_type=bool | NormalizeConfig)
    ] = NormalizeConfig(observation=False, reward=False)

    @property
    @abstractmethod
    def rollout_steps(self) -> int:
        """Environment steps between two updates."""


class _OnPolicy(Learner):
    net_arch: Layers | ActorCriticLayers = (64, 64)
    activation: Activation = "tanh"
    ortho_init: bool = True
    log_std_init: float = 0.0
    share_features_extractor: bool = True
    n_steps: PositiveInt = 2048
    gae_lambda: Share = 0.95
    normalize_advantage: bool = True
    use_sde: bool = False
    sde_sample_freq: Annotated[int, Field(ge=-1)] = -1

    @property
    def rollout_steps(self) -> int:
        """Environment steps between two updates."""
        return self.n_envs * self.n_steps


class PPOConfig(_OnPolicy):
    """PPO with Stable-Baselines3's names and defaults (Schulman et al. 2017)."""

    algorithm: Literal["ppo"]
    learning_rate: Schedule = 3e-4
    max_grad_norm: PositiveFloat = 0.5
    batch_size: Annotated[int, Field(ge=2)] = 64
    n_epochs: PositiveInt = 10
    clip_range: Schedule = 0.2
    clip_range_vf: Schedule | None = None
    ent_coef: NonNegativeFloat = 0.0
    vf_coef: NonNegativeFloat = 0.5
    target_kl: PositiveFloat | None = None


class A2CConfig(_OnPolicy):
    """A2C with Stable-Baselines3's names and defaults (Mnih et al. 2016)."""

    algorithm: Literal["a2c"]
    learning_rate: Schedule = 7e-4
    max_grad_norm: PositiveFloat = 0.5
    n_steps: PositiveInt = 5
    gae_lambda: Share = 1.0
    normalize_advantage: bool = False
    ent_coef: NonNegativeFloat = 0.0
    vf_coef: NonNegativeFloat = 0.5
    use_rms_prop: bool = True
    rms_prop_eps: PositiveFloat = 1e-5


class TRPOConfig(_OnPolicy):
    """TRPO with sb3-contrib's names and defaults (Schulman et al. 2015)."""

    algorithm: Literal["trpo"]
    learning_rate: Schedule = 1e-3
    batch_size: Annotated[int, Field(ge=2)] = 128
    cg_max_steps: PositiveInt = 15
    cg_damping: PositiveFloat = 0.1
    line_search_shrinking_factor: Share = 0.8
    line_search_max_iter: PositiveInt = 10
    n_critic_updates: PositiveInt = 10
    target_kl: PositiveFloat = 0.01
    sub_sampling_factor: PositiveInt = 1


class _OffPolicy(Learner):
    off_policy: ClassVar[bool] = True

    buffer_size: PositiveInt = 1_000_000
    learning_starts: NonNegativeInt = 100
    batch_size: PositiveInt = 256
    tau: Share = 0.005
    train_freq: PositiveInt = 1
    gradient_steps: Annotated[int, Field(ge=-1)] = 1
    n_step_returns: PositiveInt = 1

    @property
    def rollout_steps(self) -> int:
        """Environment steps between two updates."""
        return self.n_envs * self.train_freq


class _QLearner(_OffPolicy):
    parts: ClassVar[tuple[TrainedPart, ...]] = ("value",)

    net_arch: Layers = (64, 64)
    batch_size: PositiveInt = 32
    tau: Share = 1.0
    train_freq: PositiveInt = 4
    target_update_interval: PositiveInt = 10_000
    exploration_fraction: Share
    exploration_initial_eps: Share = 1.0
    exploration_final_eps: Share


class DQNConfig(_QLearner):
    """DQN with Stable-Baselines3's names and defaults (Mnih et al. 2015)."""

    algorithm: Literal["dqn"]
    learning_rate: Schedule = 1e-4
    max_grad_norm: PositiveFloat = 10.0
    exploration_fraction: Share = 0.1
    exploration_final_eps: Share = 0.05


class QRDQNConfig(_QLearner):
    """QR-DQN with sb3-contrib's names and defaults (Dabney et al. 2018)."""

    algorithm: Literal["qrdqn"]
    learning_rate: Schedule = 5e-5
    max_grad_norm: PositiveFloat | None = None
    exploration_fraction: Share = 0.005
    exploration_final_eps: Share = 0.01
    n_quantiles: PositiveInt = 200


class _ActorQ(_OffPolicy):
    net_arch: Layers | ActorQLayers = (256, 256)
    share_features_extractor: bool = False
    n_critics: PositiveInt = 2
    noise_type: Literal["normal", "ornstein-uhlenbeck"] | None = None
    noise_std: PositiveFloat = 0.1


class SACConfig(_ActorQ):
    """SAC with Stable-Baselines3's names and defaults (Haarnoja et al. 2018)."""

    algorithm: Literal["sac"]
    learning_rate: Schedule = 3e-4
    ent_coef: EntropyCoefficient = "auto"
    target_entropy: float | Literal["auto"] = "auto"
    target_update_interval: PositiveInt = 1
    use_sde: bool = False
    sde_sample_freq: Annotated[int, Field(ge=-1)] = -1
    use_sde_at_warmup: bool = False
    log_std_init: float = -3.0


class TQCConfig(SACConfig):
    """TQC with sb3-contrib's names and defaults (Kuznetsov et al. 2020)."""

    algorithm: Literal["tqc"]  # type: ignore[assignment]
    n_quantiles: PositiveInt = 25
    top_quantiles_to_drop_per_net: NonNegativeInt = 2


class TD3Config(_ActorQ):
    """TD3 with Stable-Baselines3's names and defaults (Fujimoto et al. 2018)."""

    algorithm: Literal["td3"]
    net_arch: Layers | ActorQLayers = (400, 300)
    learning_rate: Schedule = 1e-3
    policy_delay: PositiveInt = 2
    target_policy_noise: NonNegativeFloat = 0.2
    target_noise_clip: NonNegativeFloat = 0.5


class DDPGConfig(_ActorQ):
    """DDPG with Stable-Baselines3's names and defaults (Lillicrap et al. 2016)."""

    algorithm: Literal["ddpg"]
    net_arch: Layers | ActorQLayers = (400, 300)
    learning_rate: Schedule = 1e-3
    n_critics: PositiveInt = 1


_CLASSES = (
    PPOConfig,
    A2CConfig,
    TRPOConfig,
    DQNConfig,
    QRDQNConfig,
    SACConfig,
    TQCConfig,
    TD3Config,
    DDPGConfig,
)
LEARNERS: dict[str, type[Learner]] = {
    cls.model_fields["algorithm"].annotation.__args__[0]: cls  # type: ignore[union-attr]
    for cls in _CLASSES
}
"""The configuration of each algorithm by its name."""
ALGORITHMS = tuple(LEARNERS)
OFF_POLICY = tuple(name for name, cls in LEARNERS.items() if cls.off_policy)


def _known_algorithm(data: Any) -> Any:
    if isinstance(data, dict):
        name = data.get("algorithm")
        if name not in ALGORITHMS:
            what = f"{shown(name)} is not known" if "algorithm" in data else "is missing"
            text = f"{what}; {nearest(str(name), ALGORITHMS)}"
            raise PydanticCustomError("algorithm", "{text}", {"text": text})
    return data


LearnerConfig = Annotated[
    PPOConfig | A2CConfig | TRPOConfig | DQNConfig | QRDQNConfig | SACConfig | TQCConfig | TD3Config | DDPGConfig,
    Field(discriminator="algorithm"),
    BeforeValidator(_known_algorithm),
]
