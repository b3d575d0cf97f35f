"""How undecided a policy is, and how far two of them agree."""

import numpy as np
from numpy.typing import NDArray

from rl_transfer.knowledge.distributions import Array, Categorical, Distribution, Gaussian, split_choices

# Of a Gaussian expectation over one dimension; tests compare the result with numerical integration.
_POINT_K, _WEIGHT_K = np.polynomial.hermite_e.hermegauss(32)


def entropy(policy: Distribution) -> float | None:
    """The entropy in nats, summed over an action's choices or dimensions; its mean over the observations.

    Of Box actions it is the differential entropy in units of their bounds, of what tanh has squashed that of the action
    itself. None for a deterministic policy, which has none.

    Args:
        policy: What the policy says of B observations.
    """
    if isinstance(policy, Categorical):
        parts = split_choices(policy.logits_BK, policy.sizes)
        return float(np.mean(np.sum([_of_choice(part_BA) for part_BA in parts], axis=0)))
    if isinstance(policy, Gaussian):
        entropy_BD = policy.log_std_BD + 0.5 * np.log(2 * np.pi * np.e)
        if policy.squashed:
            entropy_BD = entropy_BD + _log_slope(policy.mean_BD, policy.log_std_BD)
        return float(np.mean(np.sum(entropy_BD, axis=1)))
    return None


def _of_choice(logits_BA: Array) -> Array:
    shifted_BA = logits_BA - logits_BA.max(axis=1, keepdims=True)
    weight_BA = np.exp(shifted_BA)
    total_B = weight_BA.sum(axis=1)
    # An alternative that is never chosen adds nothing.
    mean_B = np.sum(weight_BA * np.where(weight_BA > 0, shifted_BA, 0.0), axis=1) / total_B
    found: Array = np.log(total_B) - mean_B
    return found


def _log_slope(mean_BD: Array, log_std_BD: Array) -> Array:
    """The expected logarithm of tanh's slope, 2 (log 2 - |u| - log(1 + exp(-2 |u|))), by quadrature."""
    size_BDK = np.abs(mean_BD[..., None] + np.exp(log_std_BD)[..., None] * _POINT_K)
    slope_BDK = 2 * (np.log(2) - size_BDK - np.log1p(np.exp(-2 * size_BDK)))
    found: Array = slope_BDK @ (_WEIGHT_K / _WEIGHT_K.sum())
    return found


def agreement(ours: Distribution, theirs: Distribution) -> float | None:
    """How far the likeliest actions of two policies agree.

    Of choices the share of those where both take the same. Of Box actions 1 minus the mean distance as a share of the
    range: 1 where they are the same, 0 at opposite bounds. What one of them says nothing of is left out.

    Args:
        ours: What one policy says of B observations.
        theirs: What the other says of the same.

    Returns:
        From 0 to 1; None where the two have nothing in common.
    """
    if isinstance(ours, Categorical) != isinstance(theirs, Categorical):
        return None
    if isinstance(ours, Categorical) and isinstance(theirs, Categorical):
        same_BC = _same_choices(ours, theirs)
    else:
        same_BC = 1 - np.abs(_action(ours) - _action(theirs)) / 2
    known = same_BC[np.isfinite(same_BC)]
    return float(known.mean()) if known.size else None


def _same_choices(ours: Categorical, theirs: Categorical) -> Array:
    """By observation and choice 1 where both take the same alternative, 0 where not, NaN where one says nothing."""
    columns = []
    pairs = zip(split_choices(ours.logits_BK, ours.sizes), split_choices(theirs.logits_BK, theirs.sizes), strict=True)
    for our_BA, their_BA in pairs:
        same_B = our_BA.argmax(axis=1) == their_BA.argmax(axis=1)
        unknown_B: NDArray[np.bool_] = np.isnan(our_BA).any(axis=1) | np.isnan(their_BA).any(axis=1)
        columns.append(np.where(unknown_B, np.nan, same_B.astype(np.float64)))
    return np.stack(columns, axis=1)


def _action(policy: Distribution) -> Array:
    """The likeliest action in units of the bounds: a squashed Gaussian's is that of its mean."""
    if isinstance(policy, Categorical):
        raise TypeError("choices have no place between bounds")
    if not isinstance(policy, Gaussian):
        return policy.action_BD
    return np.tanh(policy.mean_BD) if policy.squashed else np.clip(policy.mean_BD, -1, 1)
