"""The command that says what a study could find."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    from rich.table import Table

    from rl_transfer.execute import Cost, LookForecast, PairForecast, Reach


@dataclass(frozen=True)
class Plan:
    """Say what a study could find before it costs anything: detectable differences, equivalence, runs, minutes."""

    study: tyro.conf.Positional[Annotated[str, tyro.conf.arg(name="STUDY", metavar="STUDY")]]
    """A shipped name (see 'list studies') or a path, of a study or of a pair alone."""
    store: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs")
    """Folder of runs and results: from-scratch runs that it has tell how much seeds differ."""
    workers: int | None = None
    """Runs at once, for the estimate of time."""
    overrides: Annotated[
        tuple[str, ...], tyro.conf.arg(name="set", metavar="KEY=VALUE"), tyro.conf.UseAppendAction
    ] = ()
    """Lay a value over the study file, such as --set seeds=10; may be repeated."""

    def call(self) -> int:
        """Forecast and print."""
        from rich.console import Console

        from rl_transfer.api import plan
        from rl_transfer.execute import costs, count_workers, forecast
        from rl_transfer.store import Store

        workers = count_workers(self.workers)
        planned = plan(self.study, self.overrides, store=self.store)
        store = Store(self.store.absolute())
        store.check()
        found = forecast(planned, store)
        console = Console(soft_wrap=False)
        console.print(_looks_table(planned.study.name, [look.reach for pair in found for look in pair.looks]))
        console.print(_pairs_table(found))
        several = len(planned.study.config.looks) > 1
        for line in (
            _meaning(found),
            *(_cost(cost, several, workers) for cost in costs(planned, store, workers)),
            *planned.notes,
        ):
            console.print(line, markup=False, highlight=False)
        return 0


def _looks_table(study: str, reaches: Sequence["Reach"]) -> "Table":
    """A row for each look and kind of comparison; what is compared on the same terms shares one."""
    from rich.table import Table

    table = Table(title=f"What the seeds of {study} can decide", title_justify="left")
    table.add_column("compared")
    for column in ("look", "arms", "arm / baseline runs", "level", "smallest p"):
        table.add_column(column, justify="right")
    rows: dict[tuple[str, ...], list[str]] = {}
    for reach in dict.fromkeys(reaches):
        sizes = f"{reach.arm} / {reach.baseline}"
        row = (str(reach.look), str(reach.arms), sizes, f"{reach.level:.2g}", f"{reach.smallest_p:.2g}")
        rows.setdefault(row, []).append(reach.family)
    for cells, families in rows.items():
        table.add_row(", ".join(families), *cells)
    return table


def _pairs_table(found: Sequence["PairForecast"]) -> "Table":
    """A row for each pair, with what each look finds there."""
    from rich.table import Table

    table = Table(title="Which differences they would find", title_justify="left")
    table.add_column("pair", overflow="fold")
    table.add_column("spread", justify="right")
    numbers = {look.reach.look: look.reach.arm for look in found[0].looks}
    for seeds in numbers.values():
        table.add_column(f"{seeds} seeds" if len(numbers) > 1 else "finds, equivalent", justify="right")
    for pair in found:
        spread = f"{pair.spread.value:.2f}{'' if pair.spread.runs else '?'}"
        table.add_row(pair.pair, spread, *(_found(_hardest(pair, number)) for number in numbers))
    return table


def _hardest(pair: "PairForecast", number: int) -> "LookForecast":
    """Of the effects that are judged at a look the one that is hardest to find."""
    looks = [look for look in pair.looks if look.reach.look == number]
    return max(looks, key=lambda look: inf if look.detectable is None else look.detectable)


def _found(look: "LookForecast") -> str:
    return "nothing" if look.detectable is None else f"±{look.detectable:.2f}, {look.equivalence:.0%}"


def _meaning(found: Sequence["PairForecast"]) -> str:
    assumed = any(not pair.spread.runs for pair in found)
    known = [pair.spread.runs for pair in found if pair.spread.runs]
    return (
        "spread: standard deviation of the mean score over seeds from scratch, taken for arms too"
        + (f"; of {min(known)} or more stored runs" if known else "")
        + (", ? where the store has no three such runs that differ: assumed" if assumed else "")
        + ". Then the true effect, total or knowledge, whichever is harder to find, that is found with a probability "
        "of 80 %, in score; and how probably an arm that does not differ is called equivalent."
    )


def _cost(cost: "Cost", several: bool, workers: int) -> str:
    if cost.minutes is None:
        time = "no time estimate, the store has no finished run of the algorithm"
    else:
        time = f"about {max(cost.minutes, 1):.0f} min with {workers} workers"
    left = "all stored" if cost.stored == cost.runs else f"{cost.stored} stored, {time}"
    return f"{f'to look {cost.look}: ' if several else ''}{cost.runs} runs, {left}"
