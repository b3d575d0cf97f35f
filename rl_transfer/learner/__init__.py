"""The learning engine behind one small interface; importing this needs no torch."""

from rl_transfer.learner.building import ActorFormat, actor_file, build_learner
from rl_transfer.learner.carrying import (
    Copying,
    StatisticsChoice,
    acts_as_source,
    carry_optimizer,
    carry_statistics,
    copy_roles,
    exploration_fates,
    misfitting_roles,
)
from rl_transfer.learner.conservative import ConservativeCritics, ConservativeValues
from rl_transfer.learner.foreign import ForeignAgent, read_agent, read_backbone
from rl_transfer.learner.interface import EnvFactory, Learner
from rl_transfer.learner.losses import OWN, CriticsLoss, Loss, Minibatch, PolicyLoss, ValuesLoss
from rl_transfer.learner.recent import Recent, RecentEpisodes
from rl_transfer.learner.recipient import Recipient
from rl_transfer.learner.requirements import (
    LOSS_PATHS,
    POLICY_ROLES,
    VALUE_LEARNERS,
    reading,
    refuse_empty_roles,
    refuse_frozen_paths,
    refuse_idle_learning,
    refuse_missing_device,
    refuse_random_evaluation,
    refuse_unsuitable_spaces,
    refuse_without_optimizer,
)
from rl_transfer.learner.seams import Guide, Reshape, Steps

__all__ = [
    "LOSS_PATHS",
    "OWN",
    "POLICY_ROLES",
    "VALUE_LEARNERS",
    "ActorFormat",
    "ConservativeCritics",
    "ConservativeValues",
    "Copying",
    "CriticsLoss",
    "EnvFactory",
    "ForeignAgent",
    "Guide",
    "Learner",
    "Loss",
    "Minibatch",
    "PolicyLoss",
    "Recent",
    "RecentEpisodes",
    "Recipient",
    "Reshape",
    "StatisticsChoice",
    "Steps",
    "ValuesLoss",
    "actor_file",
    "acts_as_source",
    "build_learner",
    "carry_optimizer",
    "carry_statistics",
    "copy_roles",
    "exploration_fates",
    "misfitting_roles",
    "read_agent",
    "read_backbone",
    "reading",
    "refuse_empty_roles",
    "refuse_frozen_paths",
    "refuse_idle_learning",
    "refuse_missing_device",
    "refuse_random_evaluation",
    "refuse_unsuitable_spaces",
    "refuse_without_optimizer",
]
