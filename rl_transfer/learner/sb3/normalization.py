"""Running normalisation: the library's VecNormalize from and to statistics."""

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecEnv, VecNormalize, VecTransposeImage

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Moments, Statistics
from rl_transfer.study import LearnerConfig, image_shape

_WHOLE = ""


def normalizer(env: VecEnv, config: LearnerConfig) -> VecNormalize | None:
    """The wrapper that normalises what the configuration says; None if that is nothing.

    Raises:
        ConfigError: If observations can't be normalised.
    """
    wanted = config.normalize
    if not wanted.observation and not wanted.reward:
        return None
    if _has_channels_last(env.observation_space):
        # Around it, the library would store images for replay as they were before the transposition.
        env = VecTransposeImage(env)
    return VecNormalize(
        env,
        norm_obs=wanted.observation,
        norm_reward=wanted.reward,
        clip_obs=wanted.clip_observation,
        clip_reward=wanted.clip_reward,
        gamma=config.gamma,
        norm_obs_keys=_keys(env.observation_space) if wanted.observation else None,
    )


def _has_channels_last(space: spaces.Space[Any]) -> bool:
    inner = space.values() if isinstance(space, spaces.Dict) else (space,)
    return any(is_image_space(one) and not is_image_space_channels_first(one) for one in inner)  # type: ignore[arg-type]


def _keys(space: spaces.Space[Any]) -> list[str] | None:
    if isinstance(space, spaces.Dict):
        return [key for key, inner in space.items() if isinstance(inner, spaces.Box) and image_shape(inner) is None]
    if not isinstance(space, spaces.Box) or image_shape(space) is not None:
        raise ConfigError(f"only Box observations that are no images can be normalised, not {space}", key="normalize")
    return None


def _running(normalizer: VecNormalize) -> dict[str, RunningMeanStd]:
    if not normalizer.norm_obs:
        return {}
    found = normalizer.obs_rms
    return dict(found) if isinstance(found, dict) else {_WHOLE: found}


def copy_out(normalizer: VecNormalize) -> Statistics:
    """Copies of the running statistics."""
    observation = {key: _moments(running) for key, running in _running(normalizer).items()}
    return Statistics(observation, _moments(normalizer.ret_rms) if normalizer.norm_reward else None)


def copy_in(normalizer: VecNormalize, statistics: Statistics) -> None:
    """Go on from these statistics, as far as they are kept; all or nothing.

    Raises:
        ConfigError: If they have other shapes.
    """
    pairs = [
        (running, moments)
        for key, running in _running(normalizer).items()
        if (moments := statistics.observation.get(key)) is not None
    ]
    if normalizer.norm_reward and statistics.reward is not None:
        pairs.append((normalizer.ret_rms, statistics.reward))
    for running, moments in pairs:
        if np.shape(running.mean) != moments.mean.shape:
            ours, theirs = np.shape(running.mean), moments.mean.shape
            raise ConfigError(f"the source's statistics have shape {theirs}, the target's {ours}", key="statistics")
    for running, moments in pairs:
        running.mean, running.var = moments.mean.copy(), moments.var.copy()
        running.count = moments.count


def as_state(normalizer: VecNormalize) -> dict[str, torch.Tensor]:
    """The running statistics, for a checkpoint."""
    kept = {**_running(normalizer), "reward": normalizer.ret_rms}
    return {
        f"{key}|{name}": torch.as_tensor(getattr(running, name), dtype=torch.float64)
        for key, running in kept.items()
        for name in ("mean", "var", "count")
    }


def load_as_state(normalizer: VecNormalize, state: dict[str, torch.Tensor]) -> None:
    """Read back what :func:`as_state` gave."""
    for key, running in {**_running(normalizer), "reward": normalizer.ret_rms}.items():
        running.mean, running.var = (state[f"{key}|{name}"].numpy() for name in ("mean", "var"))
        running.count = float(state[f"{key}|count"])


def _moments(running: RunningMeanStd) -> Moments:
    mean, var = (np.array(array, np.float64) for array in (running.mean, running.var))
    return Moments(mean, var, float(running.count))
