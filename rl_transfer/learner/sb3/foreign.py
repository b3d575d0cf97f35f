"""Agents that strangers trained with Stable-Baselines3: tensors to roles, shapes and settings to configuration."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gymnasium import Space
from numpy.typing import NDArray
from pydantic import JsonValue, ValidationError
from torch import Tensor

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import ROLES, Networks
from rl_transfer.knowledge.foreign import AgentFile, read_agent_file, read_tensors
from rl_transfer.knowledge.foreign_safety import shown
from rl_transfer.learner.foreign import ForeignAgent
from rl_transfer.learner.sb3.backbone import backbone_tensors
from rl_transfer.learner.sb3.networks import as_arrays, sort_by_role
from rl_transfer.learner.sb3.roles import assign_roles
from rl_transfer.study import (
    ALGORITHMS,
    LEARNERS,
    FeaturesConfig,
    FlattenConfig,
    LearnerConfig,
    NatureCNNConfig,
    PPOConfig,
    has_parameters,
)

_ACTIVATIONS = {"Tanh": "tanh", "ReLU": "relu", "ELU": "elu", "LeakyReLU": "leaky_relu"}
_NATURE_CNN = r"(?:policy\.|value\.)?(?:extractors\..+\.)?(?:cnn\.[024]|linear\.0)\.(?:weight|bias)"
# Arguments of a policy that the configuration says in its own way, or that change nothing in what it does.
_UNDERSTOOD = {
    *(":type:", "net_arch", "activation_fn", "use_sde", "device", "optimizer_class", "optimizer_kwargs"),
    *("features_extractor_kwargs", "sde_net_arch", "lr_schedule"),
}
_EXAMPLES = 5


def read_agent(path: Path, algorithm: str, observation_space: Space[Any], action_space: Space[Any]) -> ForeignAgent:
    """Read an agent; see :func:`rl_transfer.learner.read_agent`."""
    file = read_agent_file(path)
    networks = _by_role(file, algorithm, path)
    reader = _Reader(algorithm, file, networks)
    try:
        learner = reader.configuration(observation_space, action_space)
    except ConfigError as error:
        raise ConfigError(error.message, file=path) from error
    except ValueError as error:  # layers of no units, layer numbers beyond all bounds
        raise ConfigError(f"has networks of sizes that no {algorithm} agent has: use another", file=path) from error
    steps = file.settings.get("num_timesteps")
    steps = steps if type(steps) is int and steps >= 0 else None
    return ForeignAgent(learner, networks, file.sha256, file.release, steps, tuple(reader.notes()))


def read_backbone(path: Path, features: FeaturesConfig, observation_space: Space[Any]) -> ForeignAgent:
    """Read a backbone; see :func:`rl_transfer.learner.read_backbone`."""
    arrays = {name: _as_float(tensor).numpy() for name, tensor in read_tensors(path).items()}
    try:
        found, dropped = backbone_tensors(features, observation_space, arrays)
    except ConfigError as error:
        raise ConfigError(error.message, file=path) from error
    if not found:
        raise ConfigError(f"{features.name} has no parameters: give another architecture", key="--features")
    networks = {role: found if role == "features" else {} for role in ROLES}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    such = ", ".join(map(shown, dropped[:_EXAMPLES]))
    notes = (f"left out, no part of {features.name}: {len(dropped)} tensors, such as {such}",) if dropped else ()
    # PPO acts in every action space; it only carries the architecture.
    return ForeignAgent(PPOConfig(algorithm="ppo", features=features), networks, digest, notes=notes)


def _as_float(tensor: Tensor) -> Tensor:
    """NumPy has no bfloat16, and learners compute in single precision."""
    return tensor.float() if tensor.is_floating_point() else tensor


def _by_role(file: AgentFile, algorithm: str, path: Path) -> Networks:
    if (networks := _read_as(algorithm, file)) is not None:
        return networks
    fitting = [name for name in ALGORITHMS if _read_as(name, file) is not None]
    if fitting:
        hint = f"its tensors are those of {' or '.join(fitting)}: say so with --algorithm"
    else:
        hint = f"{_odd_tensor(algorithm, file)} is of no layout known here"
    raise ConfigError(f"is no {algorithm} agent: {hint}", file=path)


def _read_as(algorithm: str, file: AgentFile) -> Networks | None:
    """The networks by role; None if another algorithm wrote them."""
    prefix = {"dqn": "q_net.", "qrdqn": "quantile_net."}.get(algorithm, "")
    tensors = {name: _as_float(tensor) for name, tensor in file.policy.items()}
    variables = {name: _as_float(tensor) for name, tensor in file.variables.items()}
    try:
        networks = as_arrays(sort_by_role(algorithm, tensors, variables))
    except (KeyError, AttributeError, ValueError):  # a tensor without a role, a body that is no sequence of layers
        return None
    outputs = {_rows(array) for array in networks["value_head"].values()}
    one_output = algorithm in ("sac", "td3", "ddpg")
    if not outputs or (one_output and outputs != {1}) or (algorithm == "tqc" and outputs == {1}):
        return None
    return networks if any(name.startswith(prefix) for name in tensors) else None


def _odd_tensor(algorithm: str, file: AgentFile) -> str:
    for name in file.policy:
        try:
            assign_roles(algorithm, [name])
        except (KeyError, AttributeError, ValueError):
            return f"tensor {shown(name)}"
    return f"the whole of its {len(file.policy)} tensors"


class _Reader:
    """Finds the configuration that an agent's networks belong to."""

    def __init__(self, algorithm: str, file: AgentFile, networks: Networks) -> None:
        self._class, self._algorithm, self._networks = LEARNERS[algorithm], algorithm, networks
        policy = file.settings.get("policy_kwargs")
        self._policy: Mapping[str, JsonValue] = policy if isinstance(policy, dict) else {}
        self._settings = {**file.settings, **self._policy}
        self._file = file

    def configuration(self, observation_space: Space[Any], action_space: Space[Any]) -> LearnerConfig:
        """The architecture from the tensors, the rest from plain settings where they are valid."""
        known = {"algorithm": self._algorithm, "net_arch": self._net_arch(), "activation": self._activation()}
        known |= {"features": self._features(observation_space), **self._parts(action_space), **self._entropy()}
        fields = self._class.model_fields
        known = {name: value for name, value in known.items() if name in fields}
        for name in fields.keys() - known.keys() & self._settings.keys():
            try:
                self._class.model_validate({**known, name: self._settings[name]})
            except ValidationError:
                continue
            known[name] = self._settings[name]
        return self._class.model_validate(known)  # type: ignore[return-value]

    def notes(self) -> Iterator[str]:
        """What was assumed, and what was not taken over."""
        if "activation_fn" not in self._policy and "policy_kwargs" not in self._file.settings:
            yield f"the file does not say its activation: {self._activation()} assumed"
        unknown = self._policy.keys() - _UNDERSTOOD - self._class.model_fields.keys()
        if unknown:
            yield f"policy settings not taken over: {', '.join(sorted(map(shown, unknown))[:_EXAMPLES])}"
        if "use_sde" in self._class.model_fields and self._uses_sde and "actor.mu.weight" in self._file.policy:
            yield "the file's actions before squashing are not clipped, here they are (gSDE)"

    def _net_arch(self) -> Any:
        policy, value = (_hidden_layers(self._networks[role]) for role in ("policy_body", "value_body"))
        if "policy" not in self._class.parts or policy == value:
            return value
        return {"pi": policy, "qf" if self._class.off_policy else "vf": value}

    def _activation(self) -> str:
        text = self._policy.get("activation_fn")
        if text is None:
            default: str = self._class.model_fields["activation"].default
            return default
        match = re.fullmatch(r"<class 'torch\.nn\.modules\.activation\.(\w+)'>", str(text))
        if match is None or match[1] not in _ACTIVATIONS:
            known = ", ".join(_ACTIVATIONS.values())
            raise ConfigError(f"its networks have the activation {shown(text)}; known here: {known}")
        return _ACTIVATIONS[match[1]]

    def _features(self, observation_space: Space[Any]) -> dict[str, Any] | None:
        """The library's NatureCNN, which also stands for the images of a Dict observation, or nothing."""
        tensors = self._networks["features"]
        if not tensors:
            return FlattenConfig().model_dump() if has_parameters(None, observation_space) else None
        for name in tensors:
            if re.fullmatch(_NATURE_CNN, name) is None:
                what = f"tensor {shown(name)} belongs to a feature extractor of its maker's own"
                raise ConfigError(f"{what}: only NatureCNN can be imported with an agent, others with --features")
        sizes = [_rows(array) for name, array in tensors.items() if name.endswith("linear.0.bias")]
        return NatureCNNConfig().model_dump() | ({"features_dim": sizes[0]} if sizes else {})

    @property
    def _uses_sde(self) -> bool:
        log_std = self._networks["exploration"].get("log_std")
        return log_std is not None and log_std.ndim == 2

    def _parts(self, action_space: Space[Any]) -> dict[str, Any]:
        """What else the shapes tell."""
        heads, features = self._networks["value_head"], self._networks["features"]
        found: dict[str, Any] = {
            "use_sde": self._uses_sde,
            "n_critics": len({name.partition(".")[0] for name in heads}),
        }
        if features:
            found["share_features_extractor"] = not any(name.startswith("policy.") for name in features)
        if self._algorithm in ("qrdqn", "tqc"):
            outputs = _rows(next(iter(heads.values())))
            found["n_quantiles"] = outputs // int(getattr(action_space, "n", 1))
        return found

    def _entropy(self) -> dict[str, Any]:
        """Whether SAC learned its entropy coefficient: the others' is a setting like any other."""
        if "target_entropy" not in self._class.model_fields:
            return {}
        if "log_ent_coef" in self._networks["exploration"]:
            return {"ent_coef": "auto"}
        given = self._settings.get("ent_coef")
        return {"ent_coef": given if type(given) in (int, float) else 1.0}


def _rows(array: NDArray[Any]) -> int:
    return array.shape[0] if array.ndim else 0


def _hidden_layers(tensors: Mapping[str, NDArray[Any]]) -> tuple[int, ...]:
    """Sizes of the layers in order; of several critics, which are alike, those of the first."""
    found = {}
    for name, array in tensors.items():
        if match := re.fullmatch(r"(?:qf0\.)?(\d+)\.weight", name):
            found[int(match[1])] = _rows(array)
    return tuple(size for _, size in sorted(found.items()))
