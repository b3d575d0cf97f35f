"""What a comparison came to, in numbers and in a sentence."""

from dataclasses import dataclass

from rl_transfer.stats import Interval, smallest_reachable_p

LEARNED = 0.25
_PLANNED = {"runs": "seeds", "sources": "sources"}
_BEST = {"runs": "the arm's best run", "sources": "all runs from the arm's best source"}


@dataclass(frozen=True)
class Verdict:
    """What the runs of one arm and one baseline license one to say.

    Attributes:
        verdict: "positive", "negative", "equivalent" or "inconclusive".
        text: The verdict and its grounds in one sentence.
        difference: mean(arm) - mean(baseline), in score.
        interval: Hull of the differences not rejected at ``level``; infinite where none is rejected.
        interval_95: The same at the 95 % level, not adjusted for the number of comparisons.
        p: p-value of equal means, not adjusted.
        level: Two-sided error level of this comparison: alpha / comparisons.
        effect: Difference in standard deviations (pooled over both groups); None where there is no spread.
        n: Runs of the arm.
        n_baseline: Runs of the baseline.
        fragile: Whether the verdict would change if the arm's best run were replaced by the worst score.
        negligible: Whether the interval excludes 0 and yet lies inside +-margin.
        seeds_to_decide: For an inconclusive comparison, the seeds on each side that would decide it if difference and
            spread stayed as they are; None where that is undefined, above 1000, or decided already.
        ceiling: Whether both final scores are at the ceiling, where nothing can be told apart.
        units: What ``n`` and ``n_baseline`` count: "runs", or "sources" where each number given was a source's.
    """

    verdict: str
    text: str
    difference: float
    interval: Interval
    interval_95: Interval
    p: float
    level: float
    effect: float | None
    n: int
    n_baseline: int
    fragile: bool
    negligible: bool
    seeds_to_decide: int | None
    ceiling: bool
    units: tuple[str, str] = ("runs", "runs")


def sentence(verdict: Verdict, margin: float, learned: bool) -> str:
    """Say a verdict and its grounds in one sentence.

    Args:
        verdict: The verdict; its text is not read.
        margin: Differences inside +-margin are negligible; in score.
        learned: Whether the final score of the baseline or of the arm is at least `LEARNED`.

    Returns:
        The sentence.
    """
    grounds = _open_question(verdict, learned) if verdict.verdict == "inconclusive" else _finding(verdict, margin)
    clauses = [f"{verdict.verdict.capitalize()}{' but negligible' if verdict.negligible else ''}: {grounds}"]
    if verdict.ceiling:
        clauses.append("both final scores are at the ceiling")
    if verdict.fragile:
        clauses.append(f"fragile: the verdict would change if {_BEST[verdict.units[0]]} had failed")
    return "; ".join(clauses) + "."


def _finding(verdict: Verdict, margin: float) -> str:
    if verdict.verdict == "equivalent":
        return f"the difference from the baseline, {_evidence(verdict)}, lies inside +-{margin:g}"
    low, high = verdict.interval
    level = f"{verdict.level:.3g}, {_sides(verdict)}"
    return f"the arm scores {by_how_much(verdict.difference, low, high, level)}"


def by_how_much(difference: float, low: float, high: float, level: str) -> str:
    """What follows "the arm scores" where a difference is decided: more or less, by how much, never by less than 0.

    Args:
        difference: The difference from the baseline, with its sign.
        low: Lower end of its interval.
        high: Upper end of its interval.
        level: The error level of the interval, and what else is to stand beside it.
    """
    if difference > 0:
        return f"more than its baseline, by {difference:.3f} ({low:.3f} to {high:.3f} at error level {level})"
    return f"less than its baseline, by {-difference:.3f} ({-high:.3f} to {-low:.3f} at error level {level})"


def _open_question(verdict: Verdict, learned: bool) -> str:
    runs = _sides(verdict)
    if min(verdict.n, verdict.n_baseline) == 1:
        return f"with {runs}, a side shows no spread to judge by"
    if (smallest := smallest_reachable_p(verdict.n_baseline, verdict.n)) > verdict.level:
        return f"{runs} can't reach error level {verdict.level:.3g}, their smallest p-value is {smallest:.3g}"
    if not learned:
        return f"nobody learned, both final scores are below {LEARNED:g}; the difference is {_evidence(verdict)}"
    seeds = verdict.seeds_to_decide
    wanted = " and ".join(_PLANNED[unit] for unit in dict.fromkeys(verdict.units))
    forecast = f"{f'about {seeds}' if seeds else 'not even 1000'} {wanted} a side would decide"
    # Adding seeds to a finished study would be a second look that no error level pays for.
    where = f", in a new study planned with that many fresh {wanted}" if seeds else ""
    grounds = f"the difference, {_evidence(verdict)}, is neither clearly off 0 nor negligible"
    return f"{grounds}; {forecast} if it stays so{where}"


def _evidence(verdict: Verdict) -> str:
    return (
        f"{verdict.difference:+.3f} ({verdict.interval.low:+.3f} to {verdict.interval.high:+.3f} at error level "
        f"{verdict.level:.3g}, {_sides(verdict)})"
    )


def _sides(verdict: Verdict) -> str:
    """How many runs, or sources, were compared with how many."""
    unit, baseline_unit = verdict.units
    return f"{verdict.n}{'' if unit == baseline_unit else f' {unit}'} against {verdict.n_baseline} {baseline_unit}"
