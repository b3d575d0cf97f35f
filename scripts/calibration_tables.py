"""The tables of docs/calibration.md: each row is a function of a pool, a design and a number of splits."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from calibration_pools import Pool, Population, drawn_groups, drawn_scores
from calibration_rules import (
    EQUIVALENT,
    MARGIN,
    OTHER_RULES,
    Flags,
    Floats,
    Rate,
    Rule,
    Signs,
    fragile,
    this_rule,
    verdicts,
)
from make_pools import PoolSource
from numpy.typing import NDArray
from scipy.stats import skew  # type: ignore[import-untyped]  # scipy ships no types

from rl_transfer.stats import smallest_reachable_p
from rl_transfer.study import Look, LooksConfig
from rl_transfer.study.looks import planned_looks

ALPHA = 0.05
ALLOWED = 0.06
"""What the upper end of a false-alarm rate's interval may be at most."""

MISS = "**miss**"

_DESIGN = ("pool", "arm's runs", "from scratch", "arms")
POOL_COLUMNS = ("pool", "pair", "settings", "runs", "mean", "sd", "skewness", "lowest", "highest", "final score")
SAME_POOL_COLUMNS = (*_DESIGN, "total", "knowledge", "initialisation", "holds", *OTHER_RULES)
SHAPE_COLUMNS = ("pool", "the arm", *_DESIGN[1:3], "this rule", "of these fragile", *OTHER_RULES)
EFFECT_COLUMNS = (
    *("pool", "the arm", "true difference", "runs a side"),
    *("right side", "wrong side", "equivalent", "seeds used", "saved"),
    *OTHER_RULES,
)


@dataclass(frozen=True)
class Design:
    """What a study plans.

    Attributes:
        looks: Its looks, one or more.
        arms: Transfer arms, each with a placebo.
    """

    looks: tuple[Look, ...]
    arms: int

    @classmethod
    def of(cls, seeds: int | LooksConfig, baseline_factor: int = 1, arms: int = 1) -> "Design":
        """A design with so many from-scratch runs for each run of an arm."""
        planned = planned_looks(seeds, None, ALPHA)
        baseline_seeds = tuple(baseline_factor * look.seeds for look in planned)
        return cls(planned_looks(seeds, baseline_seeds, ALPHA), arms)

    @property
    def sizes(self) -> list[int]:
        """Runs at the last look: baseline, arms, placebos."""
        last = self.looks[-1]
        return [last.baseline_seeds, *[last.seeds] * (2 * self.arms)]

    @property
    def reaches_its_level(self) -> bool:
        """Whether any look can tell anything."""
        return any(
            smallest_reachable_p(look.baseline_seeds, look.seeds) <= look.alpha / self.arms for look in self.looks
        )

    def cells(self) -> list[str]:
        """The design in a table: runs of an arm, of the baseline, arms."""
        seeds, baseline_seeds = [look.seeds for look in self.looks], [look.baseline_seeds for look in self.looks]
        return [*(", ".join(map(str, counts)) for counts in (seeds, baseline_seeds)), str(self.arms)]


@dataclass(frozen=True)
class Study:
    """Many simulated studies of one design.

    Attributes:
        baseline_SB: Mean scores from scratch, shape (splits, baseline runs).
        arm_KSN: Those of each arm, shape (arms, splits, runs).
        placebo_KSN: Those of each arm's placebo, same shape.
    """

    baseline_SB: Floats
    arm_KSN: Floats
    placebo_KSN: Floats

    @classmethod
    def drawn(cls, generator: np.random.Generator, splits: int, value_R: Floats, design: Design) -> "Study":
        """Draw all groups of all splits from one pool, so that nothing differs."""
        groups = [value_R[picked] for picked in drawn_groups(generator, splits, len(value_R), design.sizes)]
        return cls(groups[0], np.stack(groups[1 : 1 + design.arms]), np.stack(groups[1 + design.arms :]))

    def families(self) -> dict[str, list[tuple[Floats, Floats]]]:
        """What each family compares: baseline and arm of each comparison."""
        return {
            "total": [(self.baseline_SB, arm_SN) for arm_SN in self.arm_KSN],
            "knowledge": list(zip(self.placebo_KSN, self.arm_KSN, strict=True)),
            "initialisation": [(self.baseline_SB, placebo_SN) for placebo_SN in self.placebo_KSN],
        }


def family_alarms(comparisons: Sequence[tuple[Floats, Floats]], design: Design, family: str, rule: Rule) -> Flags:
    """Whether any arm of a family is called better or worse at any look, shape (splits,).

    Arms never stop here, as they would once they are found equivalent: that can only add alarms.

    Args:
        comparisons: Baseline and arm of each, with the runs of the last look, shape (splits, runs) each.
        design: Its looks and arms.
        family: Its name; the baseline of "knowledge" is the placebo, which has as many runs as the arm.
        rule: What calls an arm better or worse.
    """
    alarm_S = np.zeros(len(comparisons[0][0]), dtype=np.bool_)
    for look, (baseline_SB, arm_SN) in product(design.looks, comparisons):
        baseline_runs = look.seeds if family == "knowledge" else look.baseline_seeds
        quiet_S = np.flatnonzero(~alarm_S)
        groups = baseline_SB[quiet_S, :baseline_runs], arm_SN[quiet_S, : look.seeds]
        alarm_S[quiet_S] = rule(*groups, look.alpha / design.arms) != 0
    return alarm_S


def pool_row(pool: Pool, source: PoolSource) -> list[str]:
    """What a pool is like: mean score over the budget of its runs, and their final score."""
    value_R = pool.mean_R
    numbers = value_R.mean(), value_R.std(ddof=1), skew(value_R), value_R.min(), value_R.max(), pool.final_R.mean()
    settings = ", ".join(source.overrides)
    return [pool.name, source.pair, settings, str(len(value_R)), *(f"{number:.2f}" for number in numbers)]


def same_pool_row(pool: Pool, design: Design, splits: int, seed: Sequence[int]) -> list[str]:
    """How often nothing is taken for something, by this rule and, for one arm and one look, by others."""
    name = [pool.name, *design.cells()]
    if not design.reaches_its_level:
        return [*name, *["out of reach"] * 3, *[""] * (1 + len(OTHER_RULES))]
    study = Study.drawn(np.random.default_rng(seed), splits, pool.mean_R, design)
    rates = [
        Rate.of(family_alarms(comparisons, design, family, this_rule))
        for family, comparisons in study.families().items()
    ]
    holds = "yes" if all(rate.high <= ALLOWED for rate in rates) else MISS
    others = [""] * len(OTHER_RULES)
    if design.arms == len(design.looks) == 1:
        total = study.families()["total"]
        others = [str(Rate.of(family_alarms(total, design, "total", rule))) for rule in OTHER_RULES.values()]
    return [*name, *map(str, rates), holds, *others]


def shape_row(pool: Pool, arm: Population, sizes: tuple[int, int], splits: int, seed: Sequence[int]) -> list[str]:
    """How often an arm with the same mean is called better or worse, and how much of that is called fragile."""
    size, baseline_size = sizes
    generator = np.random.default_rng(seed)
    baseline_SB, arm_SN = drawn_scores(generator, splits, pool.mean_R, baseline_size, arm, size)
    alarm_S = this_rule(baseline_SB, arm_SN, ALPHA) != 0
    called = fragile(baseline_SB[alarm_S], arm_SN[alarm_S], ALPHA, pool.worst)
    warned = f"{np.mean(called):.0%}" if alarm_S.any() else ""
    others = [str(Rate.of(rule(baseline_SB, arm_SN, ALPHA) != 0)) for rule in OTHER_RULES.values()]
    return [pool.name, arm.name, str(size), str(baseline_size), str(Rate.of(alarm_S)), warned, *others]


def effect_row(pool: Pool, arm: Population, seeds: int | LooksConfig, splits: int, seed: Sequence[int]) -> list[str]:
    """What becomes of a known effect, with the runs of one look or of several."""
    generator, value_R = np.random.default_rng(seed), pool.mean_R
    looks = planned_looks(seeds, None, ALPHA)
    most = looks[-1].seeds
    picked_SB, picked_SN, picked_SP = drawn_groups(generator, splits, len(value_R), (most, most, most))
    groups = value_R[picked_SB], arm.take(generator, picked_SN)
    end = stopped(*groups, value_R[picked_SP], looks)
    difference, used = arm.mean - float(value_R.mean()), float(end.seeds_S.mean())
    sizes = ", ".join(str(look.seeds) for look in looks)
    cells = [pool.name, arm.name, f"{difference:+.3f}", sizes, *_outcomes(end.code_S, difference)]
    if len(looks) > 1:
        return [*cells, f"{used:.1f}", f"{most - used:.1f}", *[""] * len(OTHER_RULES)]
    others = [_sides(rule(*groups, looks[0].alpha), difference) for rule in OTHER_RULES.values()]
    return [*cells, "", "", *others]


class Stopped(NamedTuple):
    """How simulated studies of one arm ended.

    Attributes:
        code_S: Verdict of the total effect at the look that decided it, or 0, shape (splits,).
        seeds_S: Seeds of the arm when it stopped, shape (splits,).
    """

    code_S: Signs
    seeds_S: NDArray[np.int64]


def stopped(baseline_SN: Floats, arm_SN: Floats, placebo_SN: Floats, looks: Sequence[Look]) -> Stopped:
    """Take looks until the total and the knowledge effect are decided; the baseline has as many runs as the arm.

    Args:
        baseline_SN: Mean scores from scratch at the last look, shape (splits, runs).
        arm_SN: The arm's, same shape.
        placebo_SN: Its placebo's, same shape.
        looks: The looks.

    Returns:
        Verdict and seeds of each split.
    """
    total_S, knowledge_S = (np.zeros(len(arm_SN), dtype=np.int8) for _ in range(2))
    seeds_S = np.full(len(arm_SN), looks[-1].seeds)
    for look in looks:
        going_S = (total_S == 0) | (knowledge_S == 0)
        _judge_open(total_S, going_S, baseline_SN, arm_SN, look)
        if look is not looks[-1]:  # Nothing hangs on what is known of the placebo when all runs are done.
            _judge_open(knowledge_S, going_S, placebo_SN, arm_SN, look)
            seeds_S[going_S & (total_S != 0) & (knowledge_S != 0)] = look.seeds
    return Stopped(total_S, seeds_S)


def _judge_open(code_S: Signs, going_S: Flags, baseline_SN: Floats, arm_SN: Floats, look: Look) -> None:
    """Give the splits that go on and have no verdict yet that of a look."""
    open_S = np.flatnonzero(going_S & (code_S == 0))
    if len(open_S):
        code_S[open_S] = verdicts(baseline_SN[open_S, : look.seeds], arm_SN[open_S, : look.seeds], look.alpha)


def _outcomes(code_S: Signs, difference: float) -> list[str]:
    """Shares of: right side, wrong side, equivalent; where nothing differs both sides are wrong."""
    right_S, wrong_S = _right_and_wrong(code_S, difference)
    false = abs(difference) >= MARGIN - 1e-9
    equivalent = f"{Rate.of(code_S == EQUIVALENT)}{', false' if false else ''}"
    return ["" if right_S is None else str(Rate.of(right_S)), str(Rate.of(wrong_S)), equivalent]


def _sides(code_S: Signs, difference: float) -> str:
    """In percent how often the right side was called, and how often the wrong one."""
    right_S, wrong_S = _right_and_wrong(code_S, difference)
    called = [wrong_S] if right_S is None else [right_S, wrong_S]
    return " / ".join(f"{100 * np.mean(one_S):.1f}" for one_S in called)


def _right_and_wrong(code_S: Signs, difference: float) -> tuple[Flags | None, Flags]:
    """Which splits were called on the right side (None where nothing differs) and which on the wrong one."""
    side = int(np.sign(round(difference, 9)))
    called_S = (code_S == 1) | (code_S == -1)
    right_S = code_S == side
    return (right_S, called_S & ~right_S) if side else (None, called_S)
