"""What arms cost and give back, as rows of text."""

from collections.abc import Iterable, Iterator
from math import isfinite

from rl_transfer.analysis import Comparison, Manifest, PairData, Payoff, Retention, payoff, retention
from rl_transfer.report.sheets import Sheet
from rl_transfer.report.wording import count, what_would_decide
from rl_transfer.stats import Interval


def payoff_sheet(manifest: Manifest, pair: PairData, comparisons: Iterable[Comparison]) -> Sheet:
    """After how many targets each arm's source has paid off; no rows where nothing was charged.

    Args:
        manifest: The study.
        pair: The pair.
        comparisons: Those of the pair: an arm is compared with the baseline by the runs of its own look.
    """
    columns = [
        "arm",
        "compared",
        "steps saved until the threshold",
        "95 % interval",
        "steps of a source",
        "with the target's",
        "paid off after",
    ]
    return Sheet(columns, list(_payoffs(manifest, pair, comparisons)))


def _payoffs(manifest: Manifest, pair: PairData, comparisons: Iterable[Comparison]) -> Iterator[list[str]]:
    for total in comparisons:
        if total.family != "total":
            continue
        known = [total.arm, _compared(total)]
        if sum(total.missing_runs):
            yield [*known, *["-"] * 4, what_would_decide(total).removesuffix(".")]
        elif (found := payoff(manifest, pair, total)) is not None:
            yield [*known, *_payoff(found)]


def _compared(total: Comparison) -> str:
    sides = zip((total.n, total.n_baseline), total.units, strict=True)
    units = " against ".join(count(number, unit.removesuffix("s")) for number, unit in sides)
    return f"{units}, conditional" if total.conditional else units


def _payoff(found: Payoff) -> list[str]:
    steps = [f"{found.steps_saved:+,.0f}", _interval(found.interval, "+,.0f")]
    return [*steps, _steps(found.source_steps), _steps(found.total_steps), _targets(found)]


def _steps(steps: float | None) -> str:
    return "-" if steps is None else f"{steps:,.0f}"


def _targets(found: Payoff) -> str:
    if found.source_steps is None:
        return "the source's steps are not known"
    if found.source_steps == 0.0:
        return "no source was trained"
    if found.targets is None or found.targets_interval is None:
        return "no saving is shown"
    return f"{found.targets:.1f} targets ({_interval(found.targets_interval, '.1f')})"


def retention_sheet(pair: PairData) -> Sheet:
    """What each transfer arm's final agents still get on the source tasks; no rows where none can play them."""
    found = (
        (arm if len(names) == 1 else f"{arm} on {name}", retention(pair, arm, place))
        for arm in pair.entry.arms
        for names in [pair.entry.sources_of(arm)]
        for place, name in enumerate(names)
    )
    return Sheet(
        ["arm", "evaluated", "source agents", "final agents", "difference", "95 % interval"],
        [[arm, _evaluated(one), *_kept(one)] for arm, one in found if one is not None],
    )


def _evaluated(found: Retention) -> str:
    """How many of an arm's agents the numbers are of, and what became of the others; or why there are no numbers."""
    side, evaluated = found.side, found.evaluated
    said = {
        f"{len(evaluated.runs)} of {len(side.runs)}": True,
        f"{side.failed} failed": side.failed > 0,
        f"by source ({evaluated.count})": evaluated.by_source,
        "conditional": evaluated.one_source,
    }
    return side.gap() or ", ".join(words for words, true in said.items() if true)


def _kept(found: Retention) -> list[str]:
    if found.before is None or found.after is None or found.difference is None or found.interval is None:
        return ["-"] * 4
    numbers = [f"{found.before:.1f}", f"{found.after:.1f}", f"{found.difference:+.1f}"]
    return [*numbers, _interval(found.interval, "+.1f")]


def _interval(interval: Interval, form: str) -> str:
    if not all(isfinite(end) for end in interval):
        return "unbounded"
    return f"{interval.low:{form}} to {interval.high:{form}}"
