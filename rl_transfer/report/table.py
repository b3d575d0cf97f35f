"""The verdicts in a terminal."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rl_transfer.analysis import Comparison, Manifest, StudyResults
from rl_transfer.report.sheets import fresh_starts, sources_missed
from rl_transfer.report.wording import (
    contrast,
    count,
    interval_text,
    p_text,
    remarks,
    remarks_explained,
    signed,
    together_lines,
    what_would_decide,
)

STYLES = {"positive": "bold green", "negative": "bold red", "equivalent": "bold blue", "inconclusive": "yellow"}


def verdict_table(results: StudyResults) -> Group:
    """Lay out a study's verdicts for a terminal or a pipe, readable without colour from 80 columns on.

    Args:
        results: The study with its verdicts.

    Returns:
        Something to print on a `rich.console.Console`: by pair and arm one row a comparison, beneath them the arm's
        verdict in plain words and what would decide the open questions.
    """
    parts: list[RenderableType] = [Text(f"Verdicts of {results.data.manifest.name}", style="bold")]
    for pair, of_pair in groupby(results.comparisons, key=lambda comparison: comparison.pair):
        parts += [Text(), Text(pair, style="bold underline")]
        header = True
        for arm, of_arm in groupby(of_pair, key=lambda comparison: comparison.transfer_arm):
            parts += _arm(arm, list(of_arm), results.words[pair][arm], header=header)
            header = False
    if lines := list(together_lines(results.across)):
        parts += [Text(), *map(Text, lines)]
    return Group(*parts, Text(), *_notes(results))


def _arm(arm: str, comparisons: Sequence[Comparison], words: str, *, header: bool) -> list[RenderableType]:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=header, header_style="dim")
    table.add_column("compared", min_width=24, max_width=38, overflow="fold")
    table.add_column("verdict", width=13, overflow="fold")
    table.add_column("diff.", width=6, justify="right", no_wrap=True)
    table.add_column("interval", width=16, no_wrap=True)
    table.add_column("p", width=5, no_wrap=True)
    table.add_column("n", min_width=3, no_wrap=True)
    for comparison in comparisons:
        table.add_row(*_cells(comparison))
    in_words = Padding(Text(f"= {words}", style="italic"), (0, 0, 0, 2))
    return [Text(arm, style="bold"), table, in_words, *_open_questions(comparisons)]


def _cells(comparison: Comparison) -> Iterator[RenderableType]:
    yield Padding(Text(contrast(comparison)), (0, 0, 0, 2))
    remarked = [comparison.verdict, *(f"({remark})" for remark in remarks(comparison))]
    yield Text("\n".join(remarked), style=STYLES[comparison.verdict])
    yield "-" if comparison.difference is None else signed(comparison.difference)
    yield interval_text(comparison.interval)
    yield p_text(comparison.p)
    yield f"{comparison.n}/{comparison.n_baseline}"


def _open_questions(comparisons: Sequence[Comparison]) -> list[RenderableType]:
    return [
        Padding(Text(f"{comparison.family} is open: {what_would_decide(comparison)}", style="dim"), (0, 0, 0, 2))
        for comparison in comparisons
        if comparison.verdict == "inconclusive"
    ]


def _notes(results: StudyResults) -> Iterator[Text]:
    manifest = results.data.manifest
    arms = max((comparison.comparisons for comparison in results.comparisons), default=1)
    shared = f" / {arms} arms" if arms > 1 else ""
    yield Text(
        "diff.: mean score over the budget, arm minus baseline; 0 is a random policy, 1 the reference. interval: at "
        f"error level {_levels(manifest)}{shared}. n: runs of the arm/of its baseline. Differences inside "
        f"+-{manifest.margin:g} are negligible.",
        style="dim",
    )
    if unneeded := sum(pair.unneeded for pair in results.data.pairs):
        yield Text(f"stopping arms once they were decided saved {count(unneeded, 'run')}.", style="dim")
    if any(comparison.seeds_to_decide is not None for comparison in results.comparisons):
        where = "; its key first_seed gives fresh ones" if manifest.curves is None else ", all of them fresh"
        yield Text(f"a new study: planned with that many seeds{where}.", style="dim")
    if anew := list(fresh_starts(results.data)):
        yield Text(f"started anew from scratch, on the advice of a method of the arm: {'; '.join(anew)}.", style="dim")
    if missed := list(sources_missed(results.data)):
        yield Text(f"sources below their threshold: {', '.join(missed)}.", style="dim")
    for word, meaning in remarks_explained(results.comparisons).items():
        yield Text(f"{word}: {meaning}.", style="dim")


def _levels(manifest: Manifest) -> str:
    if len(manifest.looks) == 1:
        return f"{manifest.alpha:g}"
    return " or ".join(f"{look.alpha:g}" for look in manifest.looks) + f", by look ({manifest.alpha:g} in all)"
