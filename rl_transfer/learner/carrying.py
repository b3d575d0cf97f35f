"""Carrying networks, statistics and optimizer state into a learner, with an account of every tensor."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import ROLES, Fate, Knowledge, Networks, Role, Statistics, TensorFate
from rl_transfer.learner.interface import Recipient
from rl_transfer.study import LEARNERS

# Running statistics of layers, and counters: no weights that could be shrunk or blurred.
_NOT_WEIGHTS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class Copying:
    """What to copy and how.

    Attributes:
        roles: Roles to copy.
        if_fitting: Roles that don't fit are left out, and listed; otherwise they are refused.
        shrink: What the source's weights are multiplied with.
        perturb: The share of the target's own initial weights that is added to them.
        frozen: For the account: by role until when it is frozen.
    """

    roles: Collection[Role]
    if_fitting: bool = False
    shrink: float = 1.0
    perturb: float = 0.0
    frozen: Mapping[Role, str] = field(default_factory=dict)


def copy_roles(learner: Recipient, knowledge: Knowledge, how: Copying) -> list[TensorFate]:
    """Copy roles by name; nothing is copied unless all that has to fit does.

    Args:
        learner: The target.
        knowledge: The source's.
        how: What to copy.

    Returns:
        What became of each tensor of either side.

    Raises:
        ConfigError: If a role has other tensors in the source than in the target, or a tensor another shape; with
            ``if_fitting``, if none fits.
    """
    assert knowledge.networks is not None
    theirs, ours = knowledge.networks, learner.networks()
    misfits = {role: why for role in how.roles if (why := _misfit(role, theirs, ours)) is not None}
    if misfits and not how.if_fitting:
        raise ConfigError(next(iter(misfits.values())), key="roles")
    fitting = [role for role in how.roles if role not in misfits]
    if misfits and not any(theirs[role] for role in fitting):
        raise ConfigError(f"no role of the source fits the target: {'; '.join(misfits.values())}", key="roles")
    learner.load_networks({role: _changed(role, theirs[role], ours[role], how) for role in fitting})
    return [
        _fate(role, name, knowledge, ours, how, role in fitting, misfits.get(role))
        for role in ROLES
        for name in {**ours[role], **theirs[role]}
    ]


def _misfit(role: Role, theirs: Networks, ours: Networks) -> str | None:
    """Why a role can't be copied; None if it can."""
    if theirs[role].keys() != ours[role].keys():
        return (
            f"the source's {role} has the tensors {', '.join(theirs[role]) or 'none'}, "
            f"the target's {', '.join(ours[role]) or 'none'}: give both the same architecture or drop the role"
        )
    for name, array in theirs[role].items():
        if array.shape != ours[role][name].shape:
            return (
                f"{role}/{name} has shape {array.shape} in the source, {ours[role][name].shape} in the target: "
                "give both the same architecture or drop the role"
            )
    return None


def _changed(
    role: Role, theirs: Mapping[str, NDArray[Any]], ours: Mapping[str, NDArray[Any]], how: Copying
) -> Mapping[str, NDArray[Any]]:
    if role == "exploration" or (how.shrink == 1.0 and how.perturb == 0.0):
        return theirs
    return {
        name: array
        if name.endswith(_NOT_WEIGHTS)
        else (how.shrink * array + how.perturb * ours[name]).astype(array.dtype)
        for name, array in theirs.items()
    }


def _fate(
    role: Role, name: str, knowledge: Knowledge, ours: Networks, how: Copying, copied: bool, misfit: str | None
) -> TensorFate:
    assert knowledge.networks is not None
    theirs, own = knowledge.networks[role].get(name), ours[role].get(name)
    original = knowledge.resized.get(f"{role}/{name}")
    if copied:
        fate: Fate = "copied" if original is None else "resized"
    else:
        fate = "reinitialised" if own is not None else "dropped"
    why = misfit or f"{role} is {'among' if role in how.roles else 'not among'} the roles to copy"
    if original is not None and copied:
        why += "; laid out by the pair's mapping"
    return TensorFate(
        tensor=name,
        role=role,
        from_shape=original or (None if theirs is None else theirs.shape),
        to_shape=None if own is None else own.shape,
        fate=fate,
        frozen="no" if own is None else how.frozen.get(role, "no"),
        why=why,
    )


StatisticsChoice = Literal["carry", "blend", "reestimate"]


def carry_statistics(
    learner: Recipient, knowledge: Knowledge, choice: StatisticsChoice, blend_steps: int
) -> list[TensorFate]:
    """Let the learner go on from the source's running statistics, or not.

    Args:
        learner: The target.
        knowledge: The source's.
        choice: ``carry`` them; ``blend``: carry them, but let them weigh as ``blend_steps`` samples at most, so that
            the target's soon prevail; ``reestimate``: start from nothing.
        blend_steps: See there.

    Raises:
        ConfigError: If the networks' inputs would be normalised on one side only.
    """
    theirs, ours = knowledge.statistics, learner.statistics()
    if theirs is None and ours is None:
        return []
    _refuse_other_inputs(theirs, ours, choice)
    if theirs is not None and choice != "reestimate":
        cap = blend_steps if choice == "blend" else np.inf
        learner.load_statistics(theirs.map(lambda moments: replace(moments, count=min(moments.count, cap))))
    return _statistics_fates(theirs or Statistics({}), ours or Statistics({}), choice)


def _refuse_other_inputs(theirs: Statistics | None, ours: Statistics | None, choice: StatisticsChoice) -> None:
    """Refuse networks whose inputs would be normalised on one side only."""
    saw = theirs is not None and bool(theirs.observation)
    sees = ours is not None and bool(ours.observation)
    if saw and not sees:
        what = "the source's networks saw normalised observations, the target's would see them as they are"
        raise ConfigError(f"{what}: set learner.normalize")
    if sees and not saw and choice != "reestimate":
        what = "the source's networks saw observations as they are, the target's would see them normalised"
        raise ConfigError(f"{what}: set learner.normalize.observation: false (or statistics: reestimate)")


def _statistics_fates(theirs: Statistics, ours: Statistics, choice: StatisticsChoice) -> list[TensorFate]:
    parts = [
        (f"observation {key}".strip(), theirs.observation.get(key), ours.observation.get(key))
        for key in {**ours.observation, **theirs.observation}
    ]
    parts.append(("reward", theirs.reward, ours.reward))
    fates = []
    for name, source, target in parts:
        if source is None and target is None:
            continue
        taken = source is not None and target is not None and choice != "reestimate"
        if source is None:
            why = "the source has none"
        elif target is None:
            why = "the target normalises none"
        else:
            why = {"carry": "carried", "blend": "carried with a smaller count", "reestimate": "estimated anew"}[choice]
        fates.append(
            TensorFate(
                tensor=name,
                role="statistics",
                from_shape=None if source is None else source.mean.shape,
                to_shape=None if target is None else target.mean.shape,
                fate="copied" if taken else "dropped" if target is None else "reinitialised",
                frozen="no",
                why=why,
            )
        )
    return fates


def carry_optimizer(learner: Recipient, knowledge: Knowledge, fates: Collection[TensorFate]) -> list[TensorFate]:
    """Let the optimizers go on where the source's stopped, for tensors that were copied as they are.

    Raises:
        ConfigError: If the source left no state, or that of another kind of optimizer.
    """
    if knowledge.optimizer is None:
        raise ConfigError(
            "the source left no optimizer state (agents from files have none): use optimizer: fresh", key="optimizer"
        )
    copied = {f"{fate.role}/{fate.tensor}" for fate in fates if fate.fate == "copied"}
    state = {name: kept for name, kept in knowledge.optimizer.items() if name in copied}
    learner.load_optimizer_state(state)
    return [
        TensorFate(
            tensor=name,
            role="optimizer",
            from_shape=(len(kept),),
            to_shape=(len(kept),) if name in copied else None,
            fate="copied" if name in copied else "dropped",
            frozen="no",
            why=", ".join(sorted(kept)) + ("" if name in copied else ": its tensor was not copied as it is"),
        )
        for name, kept in knowledge.optimizer.items()
    ]


def exploration_fates(algorithm: str, *, kept: bool) -> list[TensorFate]:
    """The account of exploration that no tensor holds."""
    learner = LEARNERS[algorithm]
    if not learner.off_policy:
        return []
    names = {"random start steps": "none: the carried policy acts from the first step"}
    if "exploration_final_eps" in learner.model_fields:
        names["epsilon schedule"] = "stays at its final value"
    return [
        TensorFate(
            tensor=name,
            role="exploration",
            from_shape=None,
            to_shape=None,
            fate="copied" if kept else "reinitialised",
            frozen="no",
            why=why if kept else "exploration starts anew",
        )
        for name, why in names.items()
    ]
