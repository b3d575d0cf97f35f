"""What a learner's training was like lately, for signals beside the curve."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_transfer.knowledge import Role


@dataclass(frozen=True)
class RecentEpisodes:
    """E training episodes that ended lately, as the learner saw them.

    Attributes:
        first_observation_E: As the environments give them; by key where they are a Dict.
        last_observation_E: The last ones.
        return_E: Discounted sums of the rewards that it learns from, before any normalisation.
        rest_E: What the value of the last observation counts at the first one: the discount to the power of the length
            where the episode was cut, 0 where the task ended.
    """

    first_observation_E: Any
    last_observation_E: Any
    return_E: NDArray[np.float64]
    rest_E: NDArray[np.float64]


@dataclass(frozen=True)
class Recent:
    """What training was like since an account of it was asked for last.

    Attributes:
        observation_B: The newest observations that were charged and acted on, as the environments give them, or by key
            where they are a Dict; earlier ones than the last account's among them. None before the first step.
        episodes: The newest episodes, likewise; None before the first one ended.
        gradient_norm: By role the root mean square of the L2 norm of the algorithm's own gradients, before anything
            clips them, over optimizer steps; roles that none moved are not there.
        source_share: The share of the minibatches' samples that a source had made; None where it made none.
        guide_share: The share of the charged steps that a guide took; None where there is none.
    """

    observation_B: Any = None
    episodes: RecentEpisodes | None = None
    gradient_norm: Mapping[Role, float] = field(default_factory=dict)
    source_share: float | None = None
    guide_share: float | None = None
