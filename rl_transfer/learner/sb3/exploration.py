"""Exploration that no tensor holds: epsilon, and random actions at the start."""

from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.utils import ConstantSchedule


def keep_exploration(model: BaseAlgorithm) -> None:
    """Explore as an agent that has learned already: epsilon at its final value, no random actions at the start.

    The model's class becomes one of the same name that differs in this alone: an attribute would end up in its files.
    """
    if not isinstance(model, OffPolicyAlgorithm):
        return
    final: float | None = getattr(model, "exploration_final_eps", None)
    if final is not None:
        model.__dict__ |= {"exploration_schedule": ConstantSchedule(final), "exploration_rate": final}
    cls = type(model)

    def sample_action(self: OffPolicyAlgorithm, _: int, *arguments: Any, **named: Any) -> Any:
        return cls._sample_action(self, 0, *arguments, **named)

    model.__class__ = type(cls.__name__, (cls,), {"__module__": cls.__module__, "_sample_action": sample_action})
