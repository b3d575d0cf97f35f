"""The conservative term of CQL: values of actions that the data do not show are pushed down, of theirs up.

CQL(H) of Kumar, Zhou, Tucker and Levine, "Conservative Q-learning for offline reinforcement learning", NeurIPS 2020,
equation 4: the log-sum-exp of Q over all actions, minus Q of the data's action, as a mean over the minibatch. Of Box
actions the sum is estimated as in their appendix F, from uniform actions and the policy's, each weighted by the inverse
of its density.
"""

import math

import numpy as np
from numpy.typing import NDArray

from rl_transfer.knowledge import Distribution, Gaussian
from rl_transfer.learner.losses import CriticsLoss, Minibatch, ValuesLoss

Array = NDArray[np.float64]
_NAME = "conservative"


class ConservativeValues(ValuesLoss):
    """Of a value learner's Q-network.

    Args:
        coefficient: What the term is multiplied with.
    """

    name = _NAME

    def __init__(self, coefficient: float) -> None:
        self._coefficient = coefficient

    def of_values(self, batch: Minibatch, q_BA: Array) -> tuple[float, Array]:
        """The term and its gradient."""
        row_B = np.arange(len(batch))
        chosen_B = batch.action_B.reshape(-1).astype(np.int64)
        sum_B, share_BA = _log_sum(q_BA)
        loss = float(np.mean(sum_B - q_BA[row_B, chosen_B]))
        share_BA[row_B, chosen_B] -= 1.0
        return self._coefficient * loss, self._coefficient / len(batch) * share_BA


class ConservativeCritics(CriticsLoss):
    """Of each of the critics of a policy with Box actions, added up over critics.

    A deterministic policy has no density, so there uniform actions stand alone.

    Args:
        coefficient: What the term is multiplied with.
        samples: Uniform actions for each observation, and as many of the policy's.
        generator: Draws them.
    """

    name = _NAME

    def __init__(self, coefficient: float, samples: int, generator: np.random.Generator) -> None:
        self._coefficient, self._samples, self._generator = coefficient, samples, generator
        self._log_density_BK: Array = np.zeros((0, 0))

    def further_actions(self, batch: Minibatch, policy: Distribution) -> Array:
        """Uniform actions, then the policy's; remembers how densely each was drawn."""
        count = len(batch)
        dimensions = batch.action_B.reshape(count, -1).shape[1]
        uniform = self._generator.uniform(-1.0, 1.0, (count, self._samples, dimensions))
        self._log_density_BK = np.full((count, self._samples), -dimensions * math.log(2.0))
        if not isinstance(policy, Gaussian):
            return uniform
        drawn, log_density = self._drawn(policy)
        self._log_density_BK = np.concatenate([self._log_density_BK, log_density], axis=1)
        return np.concatenate([uniform, drawn], axis=1)

    def _drawn(self, policy: Gaussian) -> tuple[Array, Array]:
        """Actions of the policy and the logarithms of their densities; B x samples x D, and B x samples."""
        assert policy.squashed
        mean, log_std = policy.mean_BD[:, None], policy.log_std_BD[:, None]
        noise = self._generator.standard_normal((len(mean), self._samples, mean.shape[2]))
        before = mean + np.exp(log_std) * noise
        normal = -0.5 * noise**2 - log_std - 0.5 * math.log(2.0 * math.pi)
        # The logarithm of tanh's slope, in a form that does not lose it where tanh is flat.
        slope = 2.0 * (math.log(2.0) - before - np.logaddexp(0.0, -2.0 * before))
        return np.tanh(before), (normal - slope).sum(axis=2)

    def of_critics(self, batch: Minibatch, q_CBK: Array) -> tuple[float, Array]:
        """The term and its gradient."""
        further = self._log_density_BK.shape[1]
        sum_CB, share_CBK = _log_sum(q_CBK[:, :, 1:] - self._log_density_BK - math.log(further))
        loss = float(np.mean(sum_CB - q_CBK[:, :, 0], axis=1).sum())
        gradient = np.concatenate([np.full_like(q_CBK[:, :, :1], -1.0), share_CBK], axis=2)
        return self._coefficient * loss, self._coefficient / len(batch) * gradient


def _log_sum(value: Array) -> tuple[Array, Array]:
    """The log-sum-exp over the last axis, and its gradient."""
    largest = value.max(axis=-1, keepdims=True)
    exponential = np.exp(value - largest)
    total = exponential.sum(axis=-1, keepdims=True)
    log_sum: Array = (np.log(total) + largest)[..., 0]
    return log_sum, exponential / total
