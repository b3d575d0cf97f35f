"""Carrying networks, statistics and optimizer state into a learner, with an account of every tensor."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import ROLES, Fate, Knowledge, Networks, Role, Statistics, TensorFate, is_weight
from rl_transfer.learner.recipient import Recipient
from rl_transfer.study import LEARNERS


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

    @property
    def changes_weights(self) -> bool:
        """Whether copied weights are others than the source's."""
        return self.shrink != 1.0 or self.perturb != 0.0


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
    misfits = misfitting_roles(learner, knowledge, how.roles)
    if misfits and not how.if_fitting:
        raise ConfigError(next(iter(misfits.values())), key="roles")
    fitting = [role for role in how.roles if role not in misfits]
    if misfits and not any(theirs[role] for role in fitting):
        raise ConfigError(f"no role of the source fits the target: {'; '.join(misfits.values())}", key="roles")
    learner.load_networks({role: _changed(role, knowledge, ours[role], how) for role in fitting})
    fates = [
        _fate(role, name, knowledge, ours, how, role in fitting, misfits.get(role))
        for role in ROLES
        for name in {**ours[role], **theirs[role]}
    ]
    return fates + [_unmapped(key, shape) for key, shape in knowledge.unmapped.items()]


def misfitting_roles(learner: Recipient, knowledge: Knowledge, roles: Collection[Role]) -> dict[Role, str]:
    """The roles whose tensors can't stand for the target's, and why."""
    ours = learner.networks()
    return {role: why for role in roles if (why := _misfit(role, knowledge, learner, ours)) is not None}


def _misfit(role: Role, knowledge: Knowledge, learner: Recipient, ours: Networks) -> str | None:
    """Why a role can't be copied; None if it can."""
    if role in knowledge.misfits:
        return knowledge.misfits[role]
    assert knowledge.networks is not None
    return (
        _other_meaning(role, knowledge, learner) if knowledge.networks[role] and ours[role] else None
    ) or _other_tensors(role, knowledge.networks, ours)


def _other_meaning(role: Role, knowledge: Knowledge, learner: Recipient) -> str | None:
    """Why tensors of one shape would do something else in the target; None if they would not, as far as is known."""
    here, there = learner.reading().get(role), knowledge.reading.get(role)
    if here is not None and there is not None and here != there:
        return f"the source's {role} has {there}, the target's {here}: give both the same"
    if role in ("policy_head", "exploration") and knowledge.algorithm:
        ours, theirs = (_fills_bounds(algorithm) for algorithm in (learner.algorithm, knowledge.algorithm))
        if ours != theirs:
            what = "in units of their bounds" if theirs else "as they are"
            which = f"the source's {role} ({knowledge.algorithm}) is for actions {what}"
            return f"{which}, the target's ({learner.algorithm}) is not: drop the role"
    return None


def _fills_bounds(algorithm: str) -> bool:
    """Whether an algorithm's policy squashes its actions into their bounds."""
    learner = LEARNERS[algorithm]
    return learner.off_policy and "policy" in learner.parts


def _other_tensors(role: Role, theirs: Networks, ours: Networks) -> str | None:
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
    role: Role, knowledge: Knowledge, ours: Mapping[str, NDArray[Any]], how: Copying
) -> Mapping[str, NDArray[Any]]:
    """A role's tensors, shrunk and perturbed where they are weights that came from the source."""
    assert knowledge.networks is not None
    theirs = knowledge.networks[role]
    if role == "exploration" or not how.changes_weights:
        return theirs
    changed = {}
    for name, array in theirs.items():
        mixed = (how.shrink * array + how.perturb * ours[name]).astype(array.dtype)
        if f"{role}/{name}" in knowledge.resized:
            mixed = np.where(array == ours[name], array, mixed)  # cells without a source have the initial value
        changed[name] = mixed if is_weight(name) else array
    return changed


def _fate(
    role: Role, name: str, knowledge: Knowledge, ours: Networks, how: Copying, copied: bool, misfit: str | None
) -> TensorFate:
    assert knowledge.networks is not None
    theirs, own = knowledge.networks[role].get(name), ours[role].get(name)
    original = knowledge.resized.get(f"{role}/{name}")
    why = misfit or f"{role} is {'among' if role in how.roles else 'not among'} the roles to copy"
    if not copied or theirs is None or own is None:
        fate: Fate = "reinitialised" if own is not None else "dropped"
    elif original is None:
        fate = "copied"
    elif np.array_equal(theirs, own):
        fate, why = "reinitialised", "the mapping gives it no value"
    else:
        fate, why = "resized", f"{why}; laid out by the mapping"
    changed = fate in ("copied", "resized") and how.changes_weights and role != "exploration"
    if changed:
        why += f"; times {how.shrink:g}, plus {how.perturb:g} of its initial value"
    from_shape = None if theirs is None else theirs.shape
    return TensorFate(
        tensor=name,
        role=role,
        from_shape=from_shape if original is None else original or None,
        to_shape=None if own is None else own.shape,
        fate=fate,
        frozen="no" if own is None else how.frozen.get(role, "no"),
        why=why,
        unchanged=not changed,
    )


def _unmapped(key: str, shape: tuple[int, ...]) -> TensorFate:
    role, _, name = key.partition("/")
    why = "the mapping takes nothing of it"
    return TensorFate(name, cast(Role, role), shape, None, "dropped", "no", why)


def acts_as_source(algorithm: str, fates: Collection[TensorFate]) -> bool:
    """Whether what chooses a learner's actions came from the source."""
    head = "policy_head" if "policy" in LEARNERS[algorithm].parts else "value_head"
    own = [fate for fate in fates if fate.role == head and fate.to_shape is not None]
    return bool(own) and all(fate.fate in ("copied", "resized") for fate in own)


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
    here, there = learner.reading().get("optimizer"), knowledge.reading.get("optimizer")
    if here is not None and there is not None and here != there:
        what = f"the source's optimizer is {there}, the target's {here}: their memories mean different things"
        raise ConfigError(f"{what}: use optimizer: fresh", key="optimizer")
    copied = {f"{fate.role}/{fate.tensor}" for fate in fates if fate.fate == "copied" and fate.unchanged}
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
