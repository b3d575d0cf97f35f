"""A Stable-Baselines3 model, one's own or a learner's, that knowledge can be carried into."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecNormalize

from rl_transfer.knowledge import Distribution, Networks, OptimizerState, Role, Statistics
from rl_transfer.learner.recipient import Recipient
from rl_transfer.learner.sb3 import inspection, networks, normalization, optimizer_state
from rl_transfer.learner.sb3.exploration import keep_exploration
from rl_transfer.learner.sb3.losses import Losses, change_gradients
from rl_transfer.learner.sb3.penalties import Penalties
from rl_transfer.learner.sb3.regime import Regime, optimizers


class SB3Recipient(Recipient):
    """A model, and the wrapper that normalises what it sees.

    Args:
        model: The model.
        normalizer: The wrapper; None if there is none.
    """

    def __init__(self, model: BaseAlgorithm, normalizer: VecNormalize | None) -> None:
        self.algorithm = networks.algorithm_name(model)
        self._model, self._normalizer = model, normalizer
        self._losses, self._penalties = Losses(model), Penalties(model)
        # Before the regime, which takes the gradients of what is frozen away.
        change_gradients(model, optimizers(model), [self._losses.add_gradients, self._penalties.add_gradients])
        self._regime = Regime(model)
        self._keeps_exploration = False

    def networks(self) -> Networks:
        """Copies of the parameters by role."""
        return networks.copy_out(self._model)

    def load_networks(self, networks_: Networks) -> None:
        """Overwrite tensors by role and name; target networks follow."""
        networks.copy_in(self._model, networks_)

    def reading(self) -> Mapping[str, str]:
        """What the numbers of its roles mean besides their names."""
        return networks.reading(self._model) | {"optimizer": optimizer_state.kind(self._model)}

    def optimizer_state(self) -> OptimizerState:
        """Copies of what the optimizers keep for each tensor."""
        return optimizer_state.copy_out(self._model)

    def load_optimizer_state(self, state: OptimizerState) -> None:
        """Let the optimizers go on from a state."""
        optimizer_state.copy_in(self._model, state)

    def statistics(self) -> Statistics | None:
        """Copies of the running statistics."""
        return None if self._normalizer is None else normalization.copy_out(self._normalizer)

    def load_statistics(self, statistics: Statistics) -> None:
        """Go on from these running statistics."""
        if self._normalizer is not None:
            normalization.copy_in(self._normalizer, statistics)

    def features_of(self, observations: Any) -> NDArray[np.float64]:
        """What the last hidden layer of the policy, or of the Q-network, says of raw observations."""
        return inspection.last_hidden(self._model, self._normalized(observations))

    def values_of(self, observations: Any) -> NDArray[np.float64]:
        """The values of raw observations."""
        return inspection.values(self._model, self._normalized(observations))

    def distribution_of(self, observations: Any, *, temperature: float = 1.0) -> Distribution:
        """What the policy says of raw observations."""
        return inspection.distribution(self._model, self._normalized(observations), temperature)

    def _normalized(self, observations: Any) -> Any:
        return observations if self._normalizer is None else self._normalizer.normalize_obs(observations)

    def freeze(self, roles: Collection[Role], until: int | None = None, *, gradual: bool = False) -> None:
        """Leave the roles' tensors out of training."""
        self._regime.freeze(roles, until, gradual=gradual)

    def freeze_policy(self, until: int) -> None:
        """Leave all that the policy's actions depend on out of training until a step."""
        self._regime.freeze_policy(until)

    def scale_learning_rate(self, scales: Mapping[Role, float]) -> None:
        """Let roles move with a multiple of the scheduled learning rate."""
        self._regime.scale_learning_rate(scales)

    def add_penalty(self, centre: Networks, strength: Networks) -> None:
        """Draw tensors to a centre while they are trained."""
        self._penalties.add(centre, strength)

    def keep_exploration(self) -> None:
        """Explore as an agent that has learned already."""
        keep_exploration(self._model)
        self._keeps_exploration = True
