"""A Stable-Baselines3 model on disk: what a checkpoint keeps of it, and the agent for that library's users."""

import io
import pickle
from pathlib import Path
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from rl_transfer.errors import StoreError
from rl_transfer.learner.sb3 import networks, normalization
from rl_transfer.learner.sb3.features import is_plain
from rl_transfer.learner.sb3.pretraining import COUNTERS
from rl_transfer.store import write_bytes, write_json
from rl_transfer.study import LearnerConfig

State = dict[str, Any]


def model_state(model: BaseAlgorithm, normalizer: VecNormalize | None) -> State:
    """Parameters, optimizers, statistics and counters, as what torch reads back without running code."""
    return {
        "parameters": model.get_parameters(),
        "exploration": networks.extra_variables(model),
        "statistics": None if normalizer is None else normalization.as_state(normalizer),
        "counters": {name: getattr(model, name) for name in COUNTERS if hasattr(model, name)},
    }


def load_model_state(model: BaseAlgorithm, normalizer: VecNormalize | None, state: State) -> None:
    """Go on from what :func:`model_state` gave."""
    model.set_parameters(state["parameters"], exact_match=True, device=model.device)
    networks.load_extra_variables(model, state["exploration"])
    if normalizer is not None:
        normalization.load_as_state(normalizer, state["statistics"])
    for name, value in state["counters"].items():
        setattr(model, name, value)


def write_state(path: Path, state: State) -> None:
    """Write a checkpoint's file."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def read_state(path: Path) -> State:
    """Read what :func:`write_state` wrote.

    Raises:
        StoreError: If it is damaged, or not there.
    """
    try:
        state: State = torch.load(path, weights_only=True)
    except Exception as error:
        raise StoreError(f"{path}: the checkpoint can't be read: {error}") from error
    return state


def write_agent(folder: Path, model: BaseAlgorithm, env: VecEnv, config: LearnerConfig) -> None:
    """Write ``model.zip``, which the library's own ``load`` reads, and ``agent.json``, which says what it needs.

    Running statistics go beside it as ``vecnormalize.pkl``, for the library's ``VecNormalize.load``.

    Args:
        folder: Where to.
        model: The agent.
        env: What it was given to learn in; the library may have laid images of it out anew.
        config: What it was built by.
    """
    buffer = io.BytesIO()
    model.save(buffer)
    write_bytes(folder / "model.zip", buffer.getvalue())
    if isinstance(env, VecNormalize):
        write_bytes(folder / "vecnormalize.pkl", pickle.dumps(env))
    plain = is_plain(config.features, env.observation_space)
    own = "" if plain else "; needs rl_transfer installed: the feature extractor is its own"
    write_json(
        folder / "agent.json",
        {
            "algorithm": networks.algorithm_name(model),
            "class": f"{type(model).__module__}.{type(model).__name__}",
            "observation_space": str(env.observation_space),
            "action_space": str(env.action_space),
            "learner": config.model_dump(mode="json"),
            "normalized": isinstance(env, VecNormalize),
            "plain": plain,
            "load": f"{type(model).__name__}.load('model.zip'){own}",
        },
    )
