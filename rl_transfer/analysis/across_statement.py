"""What several pairs say together about an arm, in numbers and in a sentence."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rl_transfer.analysis.comparisons import CONDITIONAL, Both, plain
from rl_transfer.analysis.verdict import LEARNED, by_how_much
from rl_transfer.stats import Interval


@dataclass(frozen=True)
class AcrossPairs:
    """One arm against one baseline, over all pairs of the study that have both.

    What no number backs, because runs are missing, is None. Pairs of numbers are (arm, baseline).

    Attributes:
        arm: Name of the arm; the placebo's own name in the family "initialisation".
        baseline: What it is compared with.
        family: "total", "knowledge", "initialisation" or "sham", as in `Comparison`.
        pairs: Names of the pairs.
        blocks: The same in groups that share a baseline or source agents; a group's runs of one seed count as one.
        verdict: "positive", "negative", "equivalent" or "inconclusive", of the mean effect over the pairs.
        text: The verdict and its grounds in one sentence.
        level: Error level of this statement: alpha / comparisons.
        alpha: Error level of the family.
        comparisons: Arms that have several pairs.
        n: Runs of the arm in each pair, or its sources, where these are the unit.
        n_baseline: The same of the baseline.
        difference: Mean over pairs of mean(arm) - mean(baseline), in score.
        interval: Hull of the mean differences not rejected at ``level``.
        p: p-value of no mean difference, not adjusted.
        negligible: Whether the interval excludes 0 and yet lies inside +-margin.
        positive_on: Pairs whose own verdict in this family is positive.
        negative_on: Pairs whose own verdict is negative.
        conditional: Whether on some pair all runs of a side started from one source agent.
        unequal_learners: Whether on some pair the two sides' hyperparameters differ.
        interquartile_mean: Mean of the middle half of all runs of all pairs; for display.
        interquartile_band: Its 95 % bootstrap bands; for display, each by itself.
        probability_of_improvement: How often a run of the arm scores more than one of the baseline; for display.
    """

    arm: str
    baseline: str
    family: str
    pairs: tuple[str, ...]
    blocks: tuple[tuple[str, ...], ...]
    verdict: str
    text: str
    level: float
    alpha: float
    comparisons: int
    n: tuple[int, ...]
    n_baseline: tuple[int, ...]
    difference: float | None = None
    interval: Interval | None = None
    p: float | None = None
    negligible: bool = False
    positive_on: tuple[str, ...] = ()
    negative_on: tuple[str, ...] = ()
    conditional: bool = False
    unequal_learners: bool = False
    interquartile_mean: Both | None = None
    interquartile_band: tuple[Interval, Interval] | None = None
    probability_of_improvement: float | None = None

    @property
    def transfer_arm(self) -> str:
        """The transfer arm that the statement is about, also where its placebo is compared."""
        return self.arm.removesuffix(".placebo") if self.family == "initialisation" else self.arm

    @property
    def mixed(self) -> bool:
        """Whether the verdict of one pair is positive and that of another negative."""
        return bool(self.positive_on and self.negative_on)

    def to_dict(self) -> dict[str, Any]:
        """The statement as JSON can hold it: tuples become lists, infinite ends of intervals null."""
        return {name: plain(value) for name, value in asdict(self).items()}


def sentence(found: AcrossPairs, margin: float, unlearned: Sequence[str], reachable: float) -> str:
    """Say a statement and its grounds in one sentence.

    Args:
        found: The statement, with its numbers; its text is not read.
        margin: Differences inside +-margin are negligible; in score.
        unlearned: Pairs on which neither side learned.
        reachable: The smallest p-value that so many runs can give.

    Returns:
        The sentence.
    """
    on_average = f"{found.verdict.capitalize()} on average{' but negligible' if found.negligible else ''}"
    clauses = [f"{on_average}: over {len(found.pairs)} pairs {_grounds(found, margin, unlearned, reachable)}"]
    if found.mixed:
        signs = f"positive on {', '.join(found.positive_on)}, negative on {', '.join(found.negative_on)}"
        clauses.append(f"the pairs disagree: {signs}")
    if found.conditional:
        clauses.append(CONDITIONAL)
    return "; ".join(clauses) + "."


def _grounds(found: AcrossPairs, margin: float, unlearned: Sequence[str], reachable: float) -> str:
    if reachable > found.level:
        return f"so few runs can't reach error level {found.level:.3g}, their smallest p-value is {reachable:.3g}"
    assert found.difference is not None and found.interval is not None
    low, high = found.interval
    evidence = f"{found.difference:+.3f} ({low:+.3f} to {high:+.3f} at error level {found.level:.3g})"
    if found.verdict == "equivalent":
        return f"the mean difference from the baseline, {evidence}, lies inside +-{margin:g}"
    if found.verdict != "inconclusive":
        return f"the arm scores {by_how_much(found.difference, low, high, f'{found.level:.3g}')}"
    if -margin < low and high < margin and found.mixed:
        return f"the mean difference, {evidence}, lies inside +-{margin:g}, but only because effects cancel"
    if -margin < low and high < margin and unlearned:
        nobody = f"nobody learned on {', '.join(unlearned)}, both final scores are below {LEARNED:g}"
        return f"{nobody}; the mean difference is {evidence}"
    return f"the mean difference, {evidence}, is neither clearly off 0 nor negligible"
