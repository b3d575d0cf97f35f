"""What the commands print about a study."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rl_transfer.api import StudyOutcome
from rl_transfer.execute import (
    Plan,
    PlannedRun,
    Reach,
    examine_pair,
    minutes_left,
    reaches,
    steps_per_second,
)
from rl_transfer.execute.examine_task import Finding, Outcome
from rl_transfer.report import tensorboard_command, verdict_table
from rl_transfer.report.places import from_here
from rl_transfer.store import Store


def show_outcome(outcome: StudyOutcome, store: Path) -> int:
    """Print verdicts, failures and where to look on; returns the exit code."""
    console = Console(soft_wrap=False)
    console.print(verdict_table(outcome.results))
    for failure in outcome.failures:
        console.print(f"{failure.run}: {failure.outcome}: {failure.message}", style="red", markup=False, soft_wrap=True)
        console.print(f"  log: {failure.log}", markup=False, soft_wrap=True)
    for note in outcome.notes:
        console.print(f"Note: {note}", markup=False, highlight=False)
    name = outcome.results.data.manifest.name
    console.print(f"Report:      {from_here(outcome.report)}", markup=False, soft_wrap=True)
    console.print(f"TensorBoard: {tensorboard_command(store, name)}", markup=False, soft_wrap=True)
    if outcome.parquet:
        files = ", ".join(str(from_here(file)) for file in outcome.parquet)
        console.print(f"Parquet:     {files}", markup=False, soft_wrap=True)
    return 1 if outcome.failures else 0


def show_new_pair(file: Path, plan: Plan, *, guessed_reference: bool) -> int:
    """Print where a new pair's file is and what to do with it; returns the exit code."""
    console = Console(soft_wrap=True)
    where, config = from_here(file), plan.study.pairs[0].config
    guess = (
        f"score.reference, {config.score.reference:g}, is a guess: the luckiest episode of random and constant "
        "actions. Write what a good agent gets"
    )
    for line in (
        f"{where}: {config.learner.algorithm} ({config.learner_from}), anchors measured, "
        f"{'a mapping proposed: look at it' if config.mapping else 'spaces alike'}",
        *([guess] if guessed_reference else []),
        f"rl-transfer check {where}    # examine it",
        f"rl-transfer run {where}      # {len(plan.distinct())} runs",
    ):
        console.print(line, markup=False, highlight=False)
    return 0


def show_examination(plan: Plan) -> int:
    """Examine a pair and print what was found; returns the exit code."""
    console = Console(soft_wrap=False)
    with console.status("examining the environments"):
        found = examine_pair(plan)
    console.print(_findings_table(plan.study.name, found.findings))
    count = len({(one.check, one.text) for one in found.problems})
    if count:
        console.print(
            f"{count} problem{'s' if count > 1 else ''} to mend before this pair is worth running", style="red"
        )
    return 2 if count else 0


def _findings_table(pair: str, findings: Sequence[Finding]) -> Table:
    """A row for each thing found; what holds for source and target alike, and all that is in order, share a row."""
    table = Table("", "task", "check", "found", title=f"Pair {pair}", title_justify="left", box=None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    table.columns[2].max_width = 21
    found: dict[tuple[Outcome, str, str], list[str]] = {}
    for one in findings:
        found.setdefault((one.outcome, one.check, one.text), []).append(one.about)
    silent: dict[str, list[str]] = {}
    for (_, check, text), tasks in found.items():
        if not text:
            silent.setdefault(_both(tasks), []).append(check)
    for about, checks in silent.items():
        table.add_row(_outcome("good"), about, "", Text(", ".join(checks)))
    for (outcome, check, text), tasks in found.items():
        if text:
            table.add_row(_outcome(outcome), _both(tasks), check, Text(text))
    return table


def _both(tasks: Sequence[str]) -> str:
    different = list(dict.fromkeys(tasks))
    return "both" if different == ["source", "target"] else ", ".join(different)


def _outcome(outcome: Outcome) -> Text:
    style = {"good": "green", "note": "yellow", "problem": "bold red"}[outcome]
    return Text("ok" if outcome == "good" else outcome, style=style)


def show_plan(plan: Plan, root: Path, workers: int) -> int:
    """Print a study's runs, their cost, and what its seeds can decide."""
    console = Console(soft_wrap=False)
    store = Store(root.absolute())
    folders = store.index()
    stored = {run.key for run in plan.distinct() if run.key in folders and store.status(folders[run.key]) is not None}
    console.print(_runs_table(plan, stored))
    todo = [run for run in plan.distinct() if run.key not in stored]
    for line in (_cost_line(plan, todo, store, folders, workers), *_seed_lines(plan), *plan.notes):
        console.print(line, markup=False, highlight=False)
    return 0


def _runs_table(plan: Plan, stored: set[str]) -> Table:
    table = Table(title=f"Runs of {plan.study.name}", title_justify="left")
    for column in ("pair", "arm"):
        table.add_column(column, overflow="fold")
    for column in ("runs", "stored", "steps each"):
        table.add_column(column, justify="right")
    groups: dict[tuple[str, str], list[PlannedRun]] = {}
    for run in plan.runs:
        groups.setdefault((run.pair, run.arm), []).append(run)
    for (pair, arm), runs in sorted(groups.items(), key=lambda item: item[0][0]):
        done = sum(run.key in stored for run in runs)
        table.add_row(pair, arm, str(len(runs)), str(done), f"{runs[0].spec.budget_steps:,}")
    return table


def _cost_line(plan: Plan, todo: list[PlannedRun], store: Store, folders: dict[str, Path], workers: int) -> str:
    steps = sum(run.spec.budget_steps for run in todo)
    shared = len(plan.runs) - len(plan.distinct())
    line = f"{len(todo)} runs to train, {steps:,} environment steps"
    if shared:
        line += f" ({shared} runs are shared between pairs)"
    minutes = minutes_left(todo, steps_per_second(store, folders.values()), workers)
    if not todo:
        return line + "; all are stored"
    if minutes is None:
        return line + "; no time estimate yet: this store has no finished run of the algorithm"
    return line + f"; about {max(minutes, 1):.0f} min with {workers} workers"


def _seed_lines(plan: Plan) -> list[str]:
    config = plan.study.config
    several = len(config.looks) > 1
    sizes: dict[tuple[int, int, int, int], list[Reach]] = {}
    for reach in reaches(config, [pair.name for pair in plan.study.pairs]):
        sizes.setdefault((reach.look, reach.arm, reach.baseline, reach.arms), []).append(reach)
    return [_seed_line(found, config.looks[look - 1].alpha, several) for (look, *_), found in sizes.items()]


def _seed_line(reaches: Sequence[Reach], alpha: float, several: bool) -> str:
    first = reaches[0]
    shared = "" if first.arms == 1 else f" over {first.arms} arms"
    look = f"look {first.look}: " if several else ""
    return (
        f"{look}{', '.join(reach.family for reach in reaches)}: {first.arm} against {first.baseline} seeds can reach "
        f"p = {first.smallest_p:.2g}; the level is {first.level:.2g} (alpha {alpha:g}{shared}): "
        f"{'the seeds can decide' if first.decides else 'too few to decide'}"
    )
