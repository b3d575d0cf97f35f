"""The deployable actor: the deterministic policy with observation normalisation inside, as one file.

It takes a batch of observations as the environment gives them and gives actions as the environment takes them.
"""

import io
import json
import logging
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import torch
from gymnasium import Space, spaces
from stable_baselines3.common.preprocessing import preprocess_obs
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor, nn
from torch.export import ExportedProgram

from rl_transfer.errors import ConfigError
from rl_transfer.learner.sb3 import normalization
from rl_transfer.learner.sb3.engine import SB3Learner

_EXAMPLES = 3
"""Observations in the batch that is traced; one would be taken for a constant."""

_ACTOR_CRITIC = ("pi_features_extractor", "mlp_extractor.policy_net", "action_net")
_SQUASHED_GAUSSIAN = ("actor.features_extractor", "actor.latent_pi", "actor.mu")
_DETERMINISTIC = ("actor.features_extractor", "actor.mu")
_LAYERS = {
    "ppo": _ACTOR_CRITIC,
    "a2c": _ACTOR_CRITIC,
    "trpo": _ACTOR_CRITIC,
    "dqn": ("q_net.features_extractor", "q_net.q_net"),
    "qrdqn": ("quantile_net.features_extractor", "quantile_net.quantile_net"),
    "sac": _SQUASHED_GAUSSIAN,
    "tqc": _SQUASHED_GAUSSIAN,
    "td3": _DETERMINISTIC,
    "ddpg": _DETERMINISTIC,
}
"""By algorithm the modules of its policy that the mode of its actions goes through, in order."""


def write_actor(learner: SB3Learner, form: Literal["onnx", "torch"], facts: Mapping[str, str]) -> bytes:
    """The content of a file with the learner's actor; see :func:`rl_transfer.learner.actor_file`."""
    if form == "onnx" and (find_spec("onnx") is None or find_spec("onnxscript") is None):
        raise ConfigError("needs other packages: pip install 'rl-transfer[onnx]'", key="--format onnx")
    actor = build_actor(learner)
    normalised = learner._normalizer is not None and learner._normalizer.norm_obs
    facts = {**facts, "normalised": str(normalised).lower()}
    program = _trace(actor)
    return _as_onnx(actor, program, facts) if form == "onnx" else _as_torch(program, facts)


def build_actor(learner: SB3Learner) -> "Actor":
    """The learner's actor on the CPU; later training does not change it."""
    model, normalizer = learner._model, learner._normalizer
    policy = model.policy
    layers = [_bare_copy(policy.get_submodule(name)) for name in _LAYERS[learner.algorithm]]
    given, taken = _by_key(learner._env.unwrapped.observation_space), _by_key(model.observation_space)
    entries = {key: _Entry(space, taken[key], policy.normalize_images) for key, space in given.items()}
    if normalizer is not None:
        for key, moments in normalization.copy_out(normalizer).observation.items():
            entries[key].normalization = _Normalization(moments.mean, moments.var, normalizer)
    network = nn.Sequential(*layers, _choice(learner.algorithm, model.action_space, learner._config))
    return Actor(entries, network).cpu().eval().requires_grad_(False)


class Actor(nn.Module):
    """From observations as the environment gives them to the actions of the deterministic policy.

    Args:
        entries: What each part of the observation goes through first; the empty key stands for an observation that is
            no Dict.
        network: From there to the actions.
    """

    def __init__(self, entries: Mapping[str, "_Entry"], network: nn.Module) -> None:
        super().__init__()
        self.keys = tuple(entries)
        self.entries = nn.ModuleList(entries.values())
        self.network = network

    def forward(self, observation: Tensor | dict[str, Tensor]) -> Tensor:
        """Actions for a batch; B x observation shape, or a Dict of those, to B x action shape."""
        given = observation if isinstance(observation, dict) else {"": observation}
        ready = {key: entry(given[key]) for key, entry in zip(self.keys, self.entries, strict=True)}
        actions: Tensor = self.network(ready.get("", ready))
        return actions

    def shaped_like_input(self, make: Any) -> Any:
        """What ``make`` gives for each entry's space: one, or a Dict of them where the observation is one."""
        made = {key: make(entry.space) for key, entry in zip(self.keys, self.entries, strict=True)}
        return made.get("", made)

    @property
    def input_names(self) -> list[str]:
        """``observation``, or ``observation/KEY`` for each key of a Dict."""
        return [f"observation/{key}" if key else "observation" for key in self.keys]


class _Entry(nn.Module):
    """What one observation goes through before the feature extractor.

    Args:
        space: Of the observation as the environment gives it.
        taken: The same with an image's channels first.
        normalize_images: Whether the library scales images of bytes.
    """

    def __init__(self, space: Space[Any], taken: Space[Any], normalize_images: bool) -> None:
        super().__init__()
        self.space, self._taken, self._normalize_images = space, taken, normalize_images
        self.normalization: nn.Module = nn.Identity()

    def forward(self, observation: Tensor) -> Tensor:
        observation = self.normalization(observation)
        if self.space.shape != self._taken.shape:
            observation = observation.permute(0, 3, 1, 2)
        ready = preprocess_obs(observation, self._taken, normalize_images=self._normalize_images)
        assert isinstance(ready, Tensor)
        return ready


class _Normalization(nn.Module):
    """Running normalisation, in the precision that training had it in."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Any, var: Any, normalizer: VecNormalize) -> None:
        super().__init__()
        self.register_buffer("mean", torch.as_tensor(mean))
        self.register_buffer("scale", torch.sqrt(torch.as_tensor(var) + normalizer.epsilon))
        self._clip = normalizer.clip_obs

    def forward(self, observation: Tensor) -> Tensor:
        return ((observation - self.mean) / self.scale).clip(-self._clip, self._clip).float()


class _Greedy(nn.Module):
    """The best of several actions; the mean over the quantiles of each, where there are several."""

    def __init__(self, quantiles: int = 1) -> None:
        super().__init__()
        self._quantiles = quantiles

    def forward(self, values: Tensor) -> Tensor:
        if self._quantiles > 1:
            values = values.reshape(values.shape[0], self._quantiles, -1).mean(dim=1)
        return values.argmax(dim=1)


class _EachGreedy(nn.Module):
    """The best of each of several choices."""

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self._sizes = sizes

    def forward(self, logits: Tensor) -> Tensor:
        return torch.stack([part.argmax(dim=1) for part in torch.split(logits, self._sizes, dim=1)], dim=1)


class _Likelier(nn.Module):
    """The likelier value of each of several bits."""

    def forward(self, logits: Tensor) -> Tensor:
        return (logits > 0).to(torch.int8)


class _Bounded(nn.Module):
    """Continuous actions within their bounds: scaled up from [-1, 1], or clipped."""

    low: Tensor
    high: Tensor

    def __init__(self, space: spaces.Box, *, scaled: bool) -> None:
        super().__init__()
        self.register_buffer("low", torch.as_tensor(space.low))
        self.register_buffer("high", torch.as_tensor(space.high))
        self._scaled = scaled

    def forward(self, actions: Tensor) -> Tensor:
        actions = actions.reshape(-1, *self.low.shape)
        if self._scaled:
            return self.low + 0.5 * (actions + 1.0) * (self.high - self.low)
        return torch.clamp(actions, self.low, self.high)


def _choice(algorithm: str, space: Space[Any], config: Any) -> nn.Module:
    """From what the last layer says to actions."""
    match space:
        case spaces.Discrete():
            return _Greedy(config.n_quantiles if algorithm == "qrdqn" else 1)
        case spaces.MultiDiscrete():
            return _EachGreedy(space.nvec.tolist())
        case spaces.MultiBinary():
            return _Likelier()
        case spaces.Box():
            bounded = _Bounded(space, scaled=_LAYERS[algorithm] is not _ACTOR_CRITIC)
            return nn.Sequential(nn.Tanh(), bounded) if _LAYERS[algorithm] is _SQUASHED_GAUSSIAN else bounded
    raise TypeError(space)


def _bare_copy(module: nn.Module) -> nn.Module:
    """A copy without hooks: those look at values, which can't be traced, and lead to the whole model."""
    memo: dict[int, Any] = {
        id(hooks): OrderedDict()
        for part in module.modules()
        for hooks in (part._forward_hooks, part._forward_pre_hooks)
    }
    return deepcopy(module, memo)


def _by_key(space: Space[Any]) -> dict[str, Space[Any]]:
    return dict(space.spaces) if isinstance(space, spaces.Dict) else {"": space}


def _trace(actor: Actor) -> ExportedProgram:
    shapes = actor.shaped_like_input(lambda _: {0: torch.export.Dim.DYNAMIC})
    program = torch.export.export(actor, (actor.shaped_like_input(_example),), dynamic_shapes=(shapes,))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # our own source, with the paths of this machine
    return program


def _example(space: Space[Any]) -> Tensor:
    return torch.as_tensor(np.zeros((_EXAMPLES, *(space.shape or ())), space.dtype))


def _as_torch(program: ExportedProgram, facts: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={"facts.json": json.dumps(dict(facts))})
    return buffer.getvalue()


def _as_onnx(actor: Actor, program: ExportedProgram, facts: Mapping[str, str]) -> bytes:
    batch = (actor.shaped_like_input(lambda _: {0: "batch"}),)
    with _quiet_exporter():
        found = torch.onnx.export(
            program, input_names=actor.input_names, output_names=["action"], dynamic_shapes=batch, verbose=False
        )
    assert found is not None
    found.model.metadata_props.update(facts)
    for part in (found.model.graph, *found.model.graph):
        part.metadata_props.clear()  # how it was made: our own source, with the paths of this machine
    content: bytes = found.model_proto.SerializeToString()
    return content


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Keep back what the exporter says of itself: a deprecated call, one name for equal axes, no torchvision."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)`", FutureWarning)
        warnings.filterwarnings("ignore", "# The axis name: batch will not be used", UserWarning)
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)
