"""The tables of the report as rows of text."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rl_transfer.analysis import Comparison, PairData, PairEntry, SourceData, StudyData, is_judged, is_sham_source
from rl_transfer.errors import RLTransferError
from rl_transfer.report.wording import contrast, count, duration
from rl_transfer.stats import asymptotic_score, jumpstart, mean_score, restricted_mean_time
from rl_transfer.study import ChoicesConfig, RangeConfig, TuningConfig

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


def settings_sheet(pair: PairData, written: Mapping[str, Any]) -> Sheet:
    """How a pair's runs were made and measured.

    Args:
        pair: The pair.
        written: The pair as the study's file has it; tasks and learner are there if rl_transfer wrote it.
    """
    entry, anchors = pair.entry, pair.entry.score
    known = {"learner": entry.algorithm, **written}
    rows = [[title, _compact(known[key])] for title, key in _WRITTEN.items() if known.get(key) is not None]
    if "source_steps" in written:
        rows.append(["source steps", f"{written['source_steps']:,}"])
    rows += [[f"source {name}", _compact(said)] for name, said in written.get("other_sources", {}).items()]
    rows += [
        ["target steps", f"{entry.target_steps:,}"],
        ["evaluation", _evaluation(entry)],
        ["score", f"0 at return {anchors.random:g}, 1 at {anchors.reference:g}, floored at {anchors.worst:g}"],
        ["threshold", _thresholds(entry)],
        *(
            [f"arm {name}", ", ".join(map(_compact, arm.methods)) + _from(arm.sources) + _own(arm.learner)]
            for name, arm in entry.arms.items()
            if arm.methods
        ),
    ]
    if entry.scratch.learner:
        rows.append(["scratch", _own(entry.scratch.learner).removeprefix("; ")])
    return Sheet(["setting", "value"], rows, words=2)


def _evaluation(entry: PairEntry) -> str:
    episodes = "" if entry.episodes is None else f"{count(entry.episodes, 'episode')} at each of "
    first = "step 0 included" if entry.grid[0] == 0 else f"the first at step {entry.grid[0]:,}"
    return f"{episodes}{len(entry.grid)} points, {first}"


def _thresholds(entry: PairEntry) -> str:
    source = "" if entry.source_threshold_return is None else f"; source: return {entry.source_threshold_return:g}"
    return f"score {entry.threshold_score:g}{source}"


def _from(sources: Sequence[str] | None) -> str:
    return "" if sources is None else f"; sources: {', '.join(sources)}"


def _own(learner: Mapping[str, Any]) -> str:
    return f"; its own learner: {_compact(learner)}" if learner else ""


def tuning_sheet(tuning: TuningConfig, arms: Iterable[str]) -> Sheet:
    """What tuning found for scratch and for each arm.

    Args:
        tuning: The record.
        arms: The arms of the study.
    """
    rows = [_tuned(tuning, name) for name in ("scratch", *arms)]
    columns = [
        "arm",
        "hyperparameters found",
        "trials",
        "score of the defaults",
        "best score",
        "in trial",
        "failed runs",
    ]
    return Sheet(columns, rows, words=2)


def _tuned(tuning: TuningConfig, name: str) -> list[str]:
    found = tuning.arms.get(name)
    if found is None:
        return [name, "not tuned", "0", "-", "-", "-", "-"]
    scores = [f"{score:.3f}" for score in (found.default_score, found.best_score)]
    learner = _compact(found.learner) if found.learner else "the defaults"
    return [name, learner, str(tuning.trials), *scores, str(found.best_trial), str(found.failed_runs)]


def space_sheet(tuning: TuningConfig) -> Sheet:
    """Where hyperparameters were looked for."""
    return Sheet(
        ["hyperparameter", "looked for in"], [[name, _where(one)] for name, one in tuning.space.items()], words=2
    )


def _where(dimension: RangeConfig | ChoicesConfig) -> str:
    if isinstance(dimension, ChoicesConfig):
        return ", ".join(map(_compact, dimension.choices))
    return f"{dimension.low:g} to {dimension.high:g}{', by its logarithm' if dimension.log else ''}"


_WRITTEN = {
    "source task": "source",
    "source agent": "source_agent",
    "source learner": "source_learner",
    "target task": "target",
    "learner": "learner",
}


def _compact(value: Any) -> str:
    """A setting as short text: what it is first, then what is not empty."""
    if not isinstance(value, Mapping):
        return value if isinstance(value, str) else json.dumps(value)
    head = [str(value[key]) for key in ("name", "id", "algorithm") if key in value]
    rest = {key: item for key, item in value.items() if key not in ("name", "id", "algorithm")}
    return ", ".join(
        head + [f"{key}: {_compact(item)}" for key, item in rest.items() if item not in (None, {}, [], "")]
    )


def one_checkpoint(pair: PairData) -> Iterator[str]:
    """The arms all of whose runs, though several, have a source run in common."""
    yield from filter(pair.shares_one_source, arms_of(pair))
