"""The tables of the report as rows of text."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rl_transfer.analysis import Comparison, PairData, SourceData, StudyData, is_judged, is_sham_source
from rl_transfer.errors import RLTransferError
from rl_transfer.report.wording import contrast, duration
from rl_transfer.stats import asymptotic_score, jumpstart, mean_score, restricted_mean_time

_COST_TITLES = {
    "target_steps": "training steps",
    "source_steps": "steps of its sources",
    "reference_steps": "steps of its references",
    "carried_transitions": "carried transitions",
    "source_samples": "samples of the source's",
    "fisher_samples": "samples for Fisher information",
    "fisher_steps": "steps for Fisher information",
    "demonstration_steps": "steps of demonstrations",
    "gradient_steps": "gradient steps",
    "offline_gradient_steps": "gradient steps before the first step",
    "guide_steps": "training steps by a guide",
    "discarded_steps": "training steps discarded",
    "teacher_calls": "questions to a teacher",
    "evaluation_steps": "evaluation steps",
    "wall_seconds": "time",
}

_OF_OTHERS = ("source_steps", "reference_steps")
"""What a run is charged for other runs, which the study's total counts as theirs."""


@dataclass(frozen=True)
class Sheet:
    """A table: the first ``words`` columns are text, the others numbers."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1


def arms_of(pair: PairData) -> list[str]:
    """The arms of a pair that were planned, sources and references left out, in the order of the plan."""
    return list(dict.fromkeys(run.arm for run in pair.entry.runs if is_judged(run.arm)))


def numbers_sheet(pair: PairData) -> Sheet:
    """The usual measures of each arm, as means over its finished runs."""
    columns = ["arm", "runs", "mean score", "jumpstart", "asymptotic score", "steps to threshold", "reached it"]
    floored = any(run.floored_T.any() for run in pair.runs)
    rows = [_numbers(pair, arm, floored) for arm in arms_of(pair)]
    return Sheet([*columns, "floored"] if floored else columns, rows)


def _numbers(pair: PairData, arm: str, floored: bool) -> list[str]:
    runs, grid = pair.of_arm(arm), pair.entry.grid
    of_planned = f"{len(runs)} of {len(runs) + pair.missing_of_arm(arm)}"
    if not runs:
        return [arm, of_planned, *["-"] * (6 if floored else 5)]
    score_RT = np.stack([run.score_T for run in runs])
    time = restricted_mean_time(score_RT, grid, pair.entry.threshold_score)
    before = f"{jumpstart(score_RT, grid).mean():.3f}" if grid[0] == 0 else "-"
    mean, final = (f"{measure(score_RT, grid).mean():.3f}" for measure in (mean_score, asymptotic_score))
    row = [arm, of_planned, mean, before, final]
    row += [f"{time.mean_steps:,.0f}", f"{time.reached_fraction:.0%}"]
    return [*row, f"{np.mean([run.floored_T for run in runs]):.1%}"] if floored else row


def gains_sheet(comparisons: Sequence[Comparison]) -> Sheet:
    """The differences of a pair's arms in standard deviations and relative to the baseline."""
    rows = [
        [comparison.transfer_arm, contrast(comparison), _ratio(comparison.effect), _ratio(comparison.transfer_ratio)]
        for comparison in comparisons
    ]
    return Sheet(["arm", "compared", "effect", "transfer ratio"], rows, words=2)


def _ratio(number: float | None) -> str:
    return "-" if number is None else f"{number:+.2f}"


def sources_sheet(data: StudyData) -> Sheet:
    """Every finished source run with its last mean return against the pair's threshold."""
    rows = [
        [pair.name, source.arm, str(source.seed), _last_return(source), _shown(threshold), _judged(source, threshold)]
        for pair in data.pairs
        for source in pair.sources
        for threshold in [pair.entry.source_threshold(source.arm)]
    ]
    return Sheet(["pair", "source", "seed", "final return", "threshold", "reached it"], rows, words=2)


def _shown(threshold: float | None) -> str:
    return "-" if threshold is None else f"{threshold:g}"


def _last_return(source: SourceData) -> str:
    return f"{source.return_T[-1]:.1f}" if len(source.return_T) else "-"


def missed(source: SourceData, threshold: float | None) -> bool:
    """Whether a source agent ended below the return that a source should have, where there is one."""
    return source.failed or (threshold is not None and bool((source.return_T[-1:] < threshold).any()))


def sources_missed(data: StudyData) -> Iterator[str]:
    """One text where sources ended below the threshold, such as "cartpole 2 of 5"; shams are meant to.

    A further source has its name after the pair's.
    """
    for pair in data.pairs:
        arms: dict[str, list[SourceData]] = {}
        for source in pair.sources:
            if not is_sham_source(source.arm):
                arms.setdefault(source.arm, []).append(source)
        for arm, sources in arms.items():
            if number := sum(missed(source, pair.entry.source_threshold(arm)) for source in sources):
                name = arm.partition(".")[2]
                yield " ".join(filter(None, [pair.name, name, f"{number} of {len(sources)}"]))


def _judged(source: SourceData, threshold: float | None) -> str:
    if source.failed:
        return f"no: {source.outcome.replace('_', ' ')}"
    if not len(source.return_T):
        return "not evaluated"
    return "no: missed" if missed(source, threshold) else "yes"


def failures_sheet(data: StudyData) -> Sheet:
    """Runs that failed, which count with the worst score, and planned runs that are not there."""
    rows = []
    for pair in data.pairs:
        for run in pair.finished:
            if run.failed:
                rows.append([pair.name, run.arm, str(run.seed), run.outcome.replace("_", " "), run.message, run.path])
        rows += [[pair.name, entry.arm, str(entry.seed), "missing", "", entry.path] for entry in pair.missing]
    where = "folder in the store" if data.manifest.curves is None else "run"
    return Sheet(["pair", "arm", "seed", "outcome", "message", where], rows, words=6)


def fresh_starts(data: StudyData) -> Iterator[str]:
    """One text an arm some of whose runs started anew, such as "cartpole guarded 2 of 6, at step 2,048 to 4,096"."""
    for pair in data.pairs:
        for arm in arms_of(pair):
            runs = pair.of_arm(arm)
            steps = [run.fell_back_at for run in runs if run.fell_back_at is not None]
            if steps:
                when = " to ".join(f"{step:,}" for step in sorted({min(steps), max(steps)}))
                yield f"{pair.name} {arm} {len(steps)} of {len(runs)}, at step {when}"


def costs_sheet(pair: PairData) -> Sheet:
    """What the runs of each arm were charged, a run on average."""
    names = _cost_names(pair.finished)
    by_arm: dict[str, list[SourceData]] = {}
    for run in pair.finished:
        by_arm.setdefault(run.arm, []).append(run)
    rows = [[arm, str(len(runs)), *(_cost(name, _mean(runs, name)) for name in names)] for arm, runs in by_arm.items()]
    return Sheet(["arm", "runs", *(_COST_TITLES.get(name, name.replace("_", " ")) for name in names)], rows)


def _mean(runs: Sequence[SourceData], name: str) -> float | None:
    """A cost on average; None where a run does not say, as with a source file of unknown training."""
    known = [run.costs[name] for run in runs if name in run.costs]
    return sum(known) / len(runs) if len(known) == len(runs) else None


def _cost_names(runs: Iterable[SourceData]) -> list[str]:
    return list(dict.fromkeys(name for run in runs for name in run.costs))


def _cost(name: str, cost: float | None) -> str:
    if cost is None:
        return "-"
    return duration(cost) if name.endswith("seconds") else f"{cost:,.0f}"


def total_cost(data: StudyData) -> str:
    """What all runs of the study were charged together, each counted once though several pairs may use it."""
    runs = {run.path: run for pair in data.pairs for run in pair.finished}.values()
    own = [name for name in _cost_names(runs) if name not in _OF_OTHERS]
    sums = {name: sum(run.costs.get(name, 0.0) for run in runs) for name in own}
    costs = ", ".join(f"{_COST_TITLES.get(name, name)} {_cost(name, total)}" for name, total in sums.items())
    return f"{len(runs)} runs: {costs}"


def transfer_sheets(store: Path, pair: PairData) -> Iterator[tuple[str, Sheet]]:
    """What each arm's first finished run carried, tensor by tensor; nothing for arms that wrote no table.

    Raises:
        RLTransferError: If a table can't be read.
    """
    for arm in arms_of(pair):
        runs = pair.of_arm(arm)
        if runs and (path := store / runs[0].path / "transfer.csv").exists():
            columns, *rows = _read_table(path)
            yield f"{arm}, seed {runs[0].seed}", Sheet([column.replace("_", " ") for column in columns], rows, words=7)


def _read_table(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RLTransferError(f"{path}: can't be read: {error}") from error
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise RLTransferError(f"{path}: is no table")
    return rows


def one_checkpoint(pair: PairData) -> Iterator[str]:
    """The arms all of whose runs, though several, have a source run in common."""
    yield from filter(pair.shares_one_source, arms_of(pair))
