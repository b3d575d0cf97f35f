"""What the command ``select`` prints."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rl_transfer.analysis import PREDICTORS, Ranked, Record, Selection, first_lines, ranked, records
from rl_transfer.execute import pair_file
from rl_transfer.report.places import from_here
from rl_transfer.report.wording import count
from rl_transfer.store import Store

_SHARED = ("learner.", "budget.", "evaluation.", "score.")
_HEURISTIC = "Predictors are heuristics: none has an error rate, and they can all be wrong."


def show_selection(selection: Selection, store: Path, overrides: Sequence[str]) -> int:
    """Print the ranking of one target's candidates and how to judge the first; returns the exit code."""
    console = Console(soft_wrap=False)
    order = ranked(selection.candidates)
    _say(console, first_lines(order))
    console.print(_ranking(order, selection))
    for line in _remarks(selection, order):
        _say(console, line)
    if order[0].mean_rank is None:
        # No source comes first, so there is none to suggest.
        folder = from_here(pair_file(Store(store.absolute()), selection.name, order[0].candidate.pair).parent)
        _say(console, f"{_HEURISTIC} Every source's pair file is in {folder}: 'rl-transfer run' judges any of them.")
    else:
        _say(console, f"{_HEURISTIC} A verdict: {_run_command(selection, order[0], store, overrides)}")
    _say(
        console,
        f"Judge with --set first_seed={selection.judge_from} (or later): the choice has used seeds "
        f"{selection.seeds[0]} to {selection.seeds[-1]}, on which its verdict would be biased.",
    )
    return 0


def _run_command(selection: Selection, first: Ranked, store: Path, overrides: Sequence[str]) -> str:
    file = from_here(pair_file(Store(store.absolute()), selection.name, first.candidate.pair))
    kept = [part for text in overrides if not text.startswith(_SHARED) for part in ("--set", text)]
    options = ["--store", str(store)] if store != Path("runs") else []
    command = ["rl-transfer", "run", file, *options, *kept, "--set", f"first_seed={selection.judge_from}"]
    return shlex.join(command)


def _ranking(order: Sequence[Ranked], selection: Selection) -> Table:
    """A column for each source, the best first; a row for each predictor, then mean rank and costs."""
    seeds = count(len(selection.seeds), "seed")
    table = Table(title=f"Sources for {order[0].candidate.target}, {seeds}", title_justify="left")
    table.add_column("", no_wrap=True)
    for one in order:
        table.add_column(one.candidate.source, justify="right", overflow="fold")
    for predictor in PREDICTORS:
        table.add_row(predictor, *(Text(_cell(one, predictor)) for one in order))
    means = ("-" if one.mean_rank is None else f"{one.mean_rank:.2f}" for one in order)
    table.add_row("mean rank", *means, end_section=True)
    costs = [one.candidate.costs for one in order]
    table.add_row("source steps", *("unknown" if one.source_steps is None else str(one.source_steps) for one in costs))
    table.add_row("target steps", *(str(one.target_steps) for one in costs))
    table.add_row("probe steps", *(str(one.probe_steps) for one in costs))
    return table


def _cell(one: Ranked, predictor: str) -> str:
    value, rank = one.candidate.value(predictor), one.ranks[predictor]
    if value is None:
        return "not defined"
    partly = "*" if one.candidate.undefined(predictor) else ""
    return f"{value:+.3f}{partly} ({'-' if rank is None else f'{rank:g}'})"


def _remarks(selection: Selection, order: Sequence[Ranked]) -> Iterator[str]:
    yield "value (rank): higher values promise more, rank 1 most. " + "; ".join(
        f"{predictor}: {meaning}" for predictor, meaning in PREDICTORS.items()
    )
    shared = selection.baseline_costs
    yield (
        f"target steps: fine-tuned for the first {selection.share:.3g} of the budget, schedules following all of it; "
        f"besides, shared by all sources: {shared.target_steps} target steps from scratch, {shared.probe_steps} probe "
        "steps. probe steps: collected for the last three predictors"
    )
    for source, why in selection.excluded.items():
        yield f"{source} can't be carried: {why}"
    for predictor in PREDICTORS:
        for one in order:
            undefined = one.candidate.undefined(predictor)
            if undefined:
                whole = len(undefined) == len(selection.seeds)
                where = "" if whole else f" with {len(undefined)} of {len(selection.seeds)} seeds (*)"
                reason = " / ".join(dict.fromkeys(undefined.values()))
                yield f"{predictor} is not defined for {one.candidate.source}{where}: {reason}"
        if any(one.ranks[predictor] is None for one in order):
            yield f"{predictor} is not part of the mean rank: it is not defined for every source"
    yield from selection.notes


def show_records(selection: Selection, store: Path) -> int:
    """Print what predictors were worth on a matrix; returns the exit code."""
    console = Console(soft_wrap=False)
    found = records(selection)
    _say(console, _best(found))
    console.print(_records(found, selection))
    first, last = selection.seeds[0], selection.seeds[-1]
    targets = len(selection.targets)
    for line in (
        f"truth: the total effect of {selection.arm} in the study {selection.study}. correlation: Spearman's, of ranks "
        f"within each of {targets} targets; its interval takes cells for independent, which those that share a source "
        "or a target are not quite. first right: targets whose best source the predictor put first; lost: mean "
        "score that its first choice is behind the best one's.",
        f"The predictors come from seeds {first} to {last} and {first_text(selection)}.",
        *(f"{cell} can't be carried: {why}" for cell, why in selection.excluded.items()),
        *_gaps(selection),
        *selection.notes,
        f"Written to {from_here(store.absolute() / 'selections' / selection.name)}",
    ):
        _say(console, line)
    return 0


def first_text(selection: Selection) -> str:
    """What seeds of predictor and truth have to do with each other."""
    if selection.shares_seeds:
        return "share seeds with the study: predictor and truth are not independent"
    return "share no run with the truth"


def _best(found: Sequence[Record]) -> str:
    known = [one for one in found if one.correlation is not None and one.correlation.value is not None]
    above = [one.predictor for one in known if one.correlation is not None and one.correlation.low > 0]
    below = [one.predictor for one in known if one.correlation is not None and one.correlation.high < 0]
    said = [f"ranks sources better than chance here: {', '.join(above)}"] if above else []
    if below:
        said.append(f"ranks sources worse than chance: {', '.join(below)}")
    return "; ".join(said) or "no predictor is known to rank sources better or worse than chance here"


def _records(found: Sequence[Record], selection: Selection) -> Table:
    title = f"Predictors and the truth in {selection.study}"
    table = Table(title=title, title_justify="left")
    table.add_column("predictor", no_wrap=True)
    for column in ("correlation", "95 % interval", "cells", "first right", "lost"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in found:
        correlation, choice = one.correlation, one.choice
        table.add_row(
            one.predictor,
            "-" if correlation is None or correlation.value is None else f"{correlation.value:+.2f}",
            "-" if correlation is None else f"{correlation.low:+.2f} to {correlation.high:+.2f}",
            "-" if correlation is None else str(correlation.cells),
            "-" if choice is None else f"{choice.right:.0%} of {choice.groups}",
            "-" if choice is None else f"{choice.loss:.3f}",
        )
    return table


def _gaps(selection: Selection) -> Iterator[str]:
    for predictor in PREDICTORS:
        without = [one for one in selection.candidates if one.value(predictor) is None]
        if without:
            reasons = dict.fromkeys(why for one in without for why in one.undefined(predictor).values())
            yield f"{predictor} is not defined for {count(len(without), 'cell')}: {' / '.join(reasons)}"


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=line.count("rl-transfer run") > 0)
