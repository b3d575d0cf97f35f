"""What a source's policy says, as a policy over the target's actions."""

import numpy as np
from gymnasium import spaces

from rl_transfer.knowledge.distributions import Array, Categorical, Deterministic, Distribution, Gaussian, split_choices
from rl_transfer.knowledge.translate_actions import bounds
from rl_transfer.tasks import SpaceMapping

# A squashed action this near to its bounds can't be taken back.
_LARGEST = 1 - 1e-6


def translate_distribution(found: Distribution, mapping: SpaceMapping) -> Distribution:
    """A source's policy in the target's actions.

    Alternatives go by index, dimensions of a Box by their scale and the bounds of both tasks. Where that moves or
    stretches what tanh has squashed, the result is squashed again as a normal distribution that agrees with it to first
    order. Two target actions that are one source action get its logit both.

    Args:
        found: What the source says.
        mapping: Between its actions and the target's.
    """
    if mapping.actions.identity and mapping.same_action_bounds:
        return found
    if isinstance(found, Categorical):
        return _of_alternatives(found, mapping)
    factor_T, shift_T = _change_of_units(mapping)
    source_T = np.maximum(mapping.actions.index_T, 0)

    def moved(values: Array) -> Array:
        return factor_T * values[:, source_T] + shift_T

    if isinstance(found, Deterministic):
        return Deterministic(np.clip(moved(found.action_BD), -1, 1))
    log_std = found.log_std_BD[:, source_T] + np.log(np.abs(factor_T))
    if not found.squashed:
        return Gaussian(moved(found.mean_BD), log_std, squashed=False)
    before = np.tanh(found.mean_BD)
    after = np.clip(moved(before), -_LARGEST, _LARGEST)
    exact = (np.abs(factor_T) == 1) & (shift_T == 0)
    slope = np.log(np.maximum(1 - before[:, source_T] ** 2, 1 - _LARGEST)) - np.log(1 - after**2)
    return Gaussian(
        np.where(exact, factor_T * found.mean_BD[:, source_T], np.arctanh(after)),
        np.where(exact, log_std, log_std + slope),
        squashed=True,
    )


def _change_of_units(mapping: SpaceMapping) -> tuple[Array, Array]:
    """By target dimension the factor and the shift, both in units of the bounds; NaN where there is no source."""
    (middle, half), (middle_T, half_T) = bounds(mapping.source_action), bounds(mapping.target_action)
    known_T, source_T = mapping.actions.known_T, np.maximum(mapping.actions.index_T, 0)
    scale_T = np.where(known_T, np.asarray(mapping.actions.scale), np.nan)
    return scale_T * half[source_T] / half_T, (scale_T * middle[source_T] - middle_T) / half_T


def _of_alternatives(found: Categorical, mapping: SpaceMapping) -> Categorical:
    space = mapping.target_action
    if isinstance(space, spaces.Discrete):
        return Categorical(mapping.actions.scaled(found.logits_BK, -np.inf), (int(space.n),))
    count = len(found.logits_BK)
    blocks = split_choices(found.logits_BK, found.sizes)
    sizes = space.nvec.ravel().tolist() if isinstance(space, spaces.MultiDiscrete) else [2] * len(mapping.actions.index)
    parts = [
        np.full((count, size), np.nan) if source is None else blocks[source]
        for source, size in zip(mapping.actions.index, sizes, strict=True)
    ]
    return Categorical(np.concatenate(parts, axis=1), tuple(sizes))
