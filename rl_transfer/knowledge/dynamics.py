"""How likely transitions are under a model of a task's dynamics that is learned from transitions of that task.

The model is Bayesian linear regression of the change of the observation on observation and action and on 400 random
Fourier features of them (Rahimi and Recht, NeurIPS 2007), so in closed form nearly the Gaussian process with a linear
and a squared-exponential kernel; such processes are what Tirinzoni et al. (ICML 2018) take for their target models. An
unlikely transition is one that the target's dynamics would not make, or one in a region that the target's data do not
reach, where the model is not sure of anything.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge.experience import Transitions

Floats = NDArray[np.float64]

MOST_NUMBERS = 100
"""Observations of more numbers are refused."""
_FEATURES = 400
_PENALTY = 1e-5
"""Ridge penalty as a share of the features' mean square."""
_MOST_DISTANCES = 500
"""Inputs that the features' width is measured on."""
_FLAT = 1e-12
_SMALLEST_NOISE = 1e-8
"""Variance of the noise, in units of the output's own, below which rounding would decide."""


def rows_of(*batches: Transitions) -> list[tuple[Floats, Floats]]:
    """Inputs (observation and action) and outputs (change of the observation) of each of several batches.

    Discrete actions, of which there are as many as any batch has, become one column each.

    Raises:
        ConfigError: If observations are no vectors of real numbers, or too long.
    """
    for batch in batches:
        refuse_unmodelled(batch.observation_N)
    discrete = all(np.issubdtype(batch.action_N.dtype, np.integer) for batch in batches)
    actions = 1 + max(int(batch.action_N.max(initial=0)) for batch in batches) if discrete else 0
    return [_rows(batch, actions) for batch in batches]


def refuse_unmodelled(observations: Any) -> None:
    """Refuse observations that there is no model of: B x any shape, or by key.

    Raises:
        ConfigError: Says why.
    """
    if isinstance(observations, dict):
        what = "observations by key"
    elif not np.issubdtype(observations.dtype, np.floating):
        what = f"observations of {observations.dtype}"
    elif observations[0:1].size > MOST_NUMBERS:
        what = f"observations of {observations[0:1].size} numbers"
    else:
        return
    raise ConfigError(f"there is no model of the dynamics of {what}, only of vectors of {MOST_NUMBERS} numbers at most")


def _rows(batch: Transitions, actions: int) -> tuple[Floats, Floats]:
    count = len(batch)
    before, after = (
        np.asarray(column, np.float64).reshape(count, -1) for column in (batch.observation_N, batch.next_observation_N)
    )
    taken = np.eye(actions)[batch.action_N.reshape(-1)] if actions else batch.action_N.reshape(count, -1)
    return np.concatenate([before, taken], axis=1), after - before


class DynamicsModel:
    """The model, fitted to inputs and outputs.

    Args:
        input_NI: Observations and actions of N transitions.
        output_NO: Changes of the observation.
    """

    def __init__(self, input_NI: Floats, output_NO: Floats) -> None:
        self._centre_I, self._spread_I = _standard(input_NI)
        self._centre_O, self._spread_O = _standard(output_NO)
        inputs = (input_NI - self._centre_I) / self._spread_I
        # Always the same: the features are part of what the model is.
        generator = np.random.default_rng(0)
        width = _median_distance(inputs[-_MOST_DISTANCES:])
        self._direction_IF = generator.standard_normal((inputs.shape[1], _FEATURES)) / width
        self._phase_F = generator.uniform(0.0, 2.0 * np.pi, _FEATURES)
        feature_NF = self._features(input_NI)
        square_FF = feature_NF.T @ feature_NF
        square_FF[np.diag_indices_from(square_FF)] += _PENALTY * np.trace(square_FF) / len(square_FF)
        self._inverse_FF = np.linalg.inv(square_FF)
        output = (output_NO - self._centre_O) / self._spread_O
        self._weight_FO = self._inverse_FF @ (feature_NF.T @ output)
        # What each would be missed by if it were left out of the fit, in closed form (Allen 1974).
        leverage_N = self._leverage(feature_NF)
        missed = (output - feature_NF @ self._weight_FO) / np.maximum(1.0 - leverage_N, 1e-6)[:, None]
        self._noise_O = np.maximum(np.mean(missed**2, axis=0), _SMALLEST_NOISE)

    def log_likelihood(self, input_NI: Floats, output_NO: Floats) -> Floats:
        """The logarithm of each transition's density, in units of the outputs' deviations; N."""
        feature_NF = self._features(input_NI)
        output = (output_NO - self._centre_O) / self._spread_O
        missed = output - feature_NF @ self._weight_FO
        variance = (1.0 + self._leverage(feature_NF))[:, None] * self._noise_O
        found: Floats = -0.5 * (missed**2 / variance + np.log(2.0 * np.pi * variance)).sum(axis=1)
        return found

    def _features(self, input_NI: Floats) -> Floats:
        inputs = (input_NI - self._centre_I) / self._spread_I
        wave_NF = np.sqrt(2.0 / _FEATURES) * np.cos(inputs @ self._direction_IF + self._phase_F)
        size = np.sqrt(inputs.shape[1])
        return np.concatenate([np.ones((len(inputs), 1)), inputs / size, wave_NF], axis=1)

    def _leverage(self, feature_NF: Floats) -> Floats:
        leverage_N: Floats = np.einsum("nf,nf->n", feature_NF @ self._inverse_FF, feature_NF)
        return leverage_N


def _standard(column_NC: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation; 1 for what never changes."""
    mean_C, deviation_C = column_NC.mean(axis=0), column_NC.std(axis=0)
    return mean_C, np.where(deviation_C > _FLAT * np.maximum(np.abs(mean_C), 1.0), deviation_C, 1.0)


def _median_distance(input_NI: Floats) -> float:
    size_N = (input_NI**2).sum(axis=1)
    square_NN = size_N[:, None] + size_N[None] - 2.0 * input_NI @ input_NI.T
    apart = square_NN[square_NN > _FLAT * max(float(size_N.max(initial=0.0)), 1.0)]
    return float(np.sqrt(np.median(apart))) if len(apart) else 1.0


def likeliest(source: Transitions, target: Transitions, share: float) -> NDArray[np.intp]:
    """Which of a source's transitions are likeliest under a model of the target's dynamics.

    Args:
        source: The source's.
        target: At least one of the target's.
        share: How many of the source's; rounded up.

    Returns:
        Their places, rising.
    """
    theirs, ours = rows_of(source, target)
    order = np.argsort(-DynamicsModel(*ours).log_likelihood(*theirs), kind="stable")
    return np.sort(order[: math.ceil(share * len(source))])
