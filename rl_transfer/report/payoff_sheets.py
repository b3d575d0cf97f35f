"""What arms cost and give back, as rows of text."""

from collections.abc import Iterator
from math import isfinite

from rl_transfer.analysis import PairData, Payoff, payoff, retention
from rl_transfer.report.sheets import Sheet
from rl_transfer.stats import Interval


def payoff_sheet(pair: PairData) -> Sheet:
    """After how many targets each arm's source has paid off; no rows where nothing was charged."""
    columns = [
        "arm",
        "steps saved until the threshold",
        "95 % interval",
        "steps of a source",
        "with the target's",
        "paid off after",
    ]
    found = ((arm, payoff(pair, arm)) for arm in pair.entry.arms)
    return Sheet(columns, [_payoff(arm, one) for arm, one in found if one is not None])


def _payoff(arm: str, found: Payoff) -> list[str]:
    steps = [f"{found.steps_saved:+,.0f}", _interval(found.interval, "+,.0f")]
    return [arm, *steps, f"{found.source_steps:,.0f}", f"{found.total_steps:,.0f}", _targets(found)]


def _targets(found: Payoff) -> str:
    if found.source_steps == 0.0:
        return "no source was trained"
    if found.targets is None or found.targets_interval is None:
        return "no saving is shown"
    return f"{found.targets:.1f} targets ({_interval(found.targets_interval, '.1f')})"


def retention_sheet(pair: PairData) -> Sheet:
    """What each arm's final agents, placebos included, still get on the source task; no rows where none can play it."""
    return Sheet(
        ["arm", "source agents", "final agents", "difference", "95 % interval"],
        list(_retentions(pair)),
    )


def _retentions(pair: PairData) -> Iterator[list[str]]:
    for arm in dict.fromkeys(run.arm for run in pair.runs):
        if (found := retention(pair, arm)) is not None:
            numbers = f"{found.before:.1f}", f"{found.after:.1f}", f"{found.difference:+.1f}"
            yield [arm, *numbers, _interval(found.interval, "+.1f")]


def _interval(interval: Interval, form: str) -> str:
    if not all(isfinite(end) for end in interval):
        return "unbounded"
    return f"{interval.low:{form}} to {interval.high:{form}}"
