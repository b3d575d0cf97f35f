"""What the arms of other programs' curves are to each other: a baseline, transfer arms, their controls."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rl_transfer.analysis.foreign import ForeignRun
from rl_transfer.analysis.manifest import ArmEntry
from rl_transfer.errors import ConfigError, nearest

_CONTROLS = ("placebo", "sham")


def parse_placebos(texts: Sequence[str]) -> dict[str, str]:
    """Read which arm is the placebo of which from a command line, as ``ARM=PLACEBO``.

    Raises:
        ConfigError: If a text is something else, or an arm stands twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        arm, sign, placebo = text.partition("=")
        if not (arm and sign and placebo):
            raise ConfigError(f"needs ARM=PLACEBO, not {text!r}", key="--placebo")
        if arm in found:
            raise ConfigError(f"is given twice for {arm}", key="--placebo")
        found[arm] = placebo
    return found


def name_placebos(runs: Sequence[ForeignRun], placebos: Mapping[str, str]) -> tuple[ForeignRun, ...]:
    """Give placebos the names by which they are known here: ARM.placebo.

    Args:
        runs: The runs.
        placebos: By arm the arm that is its placebo.

    Returns:
        The runs, those of placebos renamed.

    Raises:
        ConfigError: If an arm or placebo is not there, an arm has a placebo already, or two arms share one.
    """
    arms = list(dict.fromkeys(run.arm for run in runs))
    names: dict[str, str] = {}
    for arm, placebo in placebos.items():
        for name in (arm, placebo):
            if name not in arms:
                raise ConfigError(f"no arm {name!r}; {nearest(name, arms)}", key="--placebo")
        if f"{arm}.placebo" in arms and placebo != f"{arm}.placebo":
            raise ConfigError(f"{arm} has a placebo already, {arm}.placebo", key="--placebo")
        if placebo in names:
            raise ConfigError(f"{placebo} can't be the placebo of two arms: every arm has its own", key="--placebo")
        if placebo in placebos:
            raise ConfigError(f"{placebo} can't be a placebo and have one", key="--placebo")
        names[placebo] = f"{arm}.placebo"
    return tuple(replace(run, arm=names.get(run.arm, run.arm)) for run in runs)


def transfer_arms(arms: Sequence[str], baseline: str, where: str) -> dict[str, ArmEntry]:
    """Tell transfer arms from the baseline and from controls, which are called ARM.placebo and ARM.sham.

    Args:
        arms: All arms of a pair.
        baseline: What they are compared with.
        where: What to call the pair in an error.

    Returns:
        The transfer arms, each with the controls it has.

    Raises:
        ConfigError: If there is no such baseline, no transfer arm, or a control without its arm.
    """
    if baseline not in arms:
        raise ConfigError(f"no arm {baseline!r} in {where}; {nearest(baseline, arms)}", key="--baseline")
    owners = {arm: _owner(arm) for arm in arms if _owner(arm) and arm != baseline}
    found = [arm for arm in arms if arm != baseline and arm not in owners]
    for control, owner in owners.items():
        if owner not in found:
            kind, hint = control.rpartition(".")[2], nearest(owner, found)
            raise ConfigError(f"{control} is the {kind} of a transfer arm {owner!r} that is not in {where}; {hint}")
    if not found:
        raise ConfigError(f"only {baseline} in {where}: there is nothing to compare it with", key="--baseline")
    return {arm: ArmEntry(placebo=f"{arm}.placebo" in owners, sham=f"{arm}.sham" in owners) for arm in found}


def _owner(arm: str) -> str:
    """The arm that a control belongs to by its name; nothing for other arms."""
    owner, _, kind = arm.rpartition(".")
    return owner if kind in _CONTROLS else ""
