"""How often is the verdict wrong? Measured on real from-scratch curves, where the truth is known.

Runs of one pool are dealt to the arms of made-up studies: then nothing differs, and every "positive" or "negative" is
false. The same with arms whose runs have the same mean and another shape, and with arms that differ by something known.
What other people's rules say about the same splits stands beside it. docs/calibration.md explains and has the tables.

``python scripts/calibrate.py --write docs/calibration.md`` makes them (two to four hours on one core). The draws
are the same on every run, whatever the number of workers.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, Literal

import calibration_tables as tables
import tyro
from calibration_pools import Pool, known_effects, read_pool, unequal_shapes
from make_pools import FOLDER, POOLS
from published_table import insert

from rl_transfer.study import LooksConfig

Row = list[str]
Table = Literal["pools", "same", "shapes", "effects"]

_COLUMNS: dict[Table, Sequence[str]] = {
    "pools": tables.POOL_COLUMNS,
    "same": tables.SAME_POOL_COLUMNS,
    "shapes": tables.SHAPE_COLUMNS,
    "effects": tables.EFFECT_COLUMNS,
}
_SEED = 20_250_712
_PLANS: tuple[int | LooksConfig, ...] = (5, 8, 10, 20, LooksConfig())
_EFFECT_PLANS: tuple[int | LooksConfig, ...] = (6, 12, 20, LooksConfig())
"""Runs of an arm at one look, or several looks."""
_SHAPE_SIZES = ((5, 5), (8, 8), (10, 10), (20, 20), (6, 12))
"""Runs of the arm and from scratch."""


@dataclass(frozen=True)
class Options:
    """Measure how often verdicts are wrong."""

    tables: tuple[Table, ...] = tuple(_COLUMNS)
    """Which tables to make."""
    splits: int = 20_000
    """Draws for each row where nothing differs."""
    shape_splits: int = 4000
    """Draws for each row with equal means and unequal shapes."""
    effect_splits: int = 1000
    """Draws for each known effect."""
    workers: int = os.cpu_count() or 1
    """Processes."""
    pools: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = FOLDER
    """Folder of the pools."""
    write: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Put the tables between their marks in this Markdown file."""


def jobs(table: Table, pools: Sequence[Pool], options: Options) -> Iterator[Callable[[], Row]]:
    """What makes each row of a table, in any process."""
    if table == "pools":
        yield from (partial(tables.pool_row, pool, POOLS[pool.name]) for pool in pools)
    elif table == "same":
        for place, (pool, seeds, arms, factor) in enumerate(product(pools, _PLANS, (1, 3), (1, 2))):
            design = tables.Design.of(seeds, factor, arms)
            yield partial(tables.same_pool_row, pool, design, options.splits, (_SEED, 0, place))
    elif table == "shapes":
        wanted = [(pool, arm) for pool in pools for arm in unequal_shapes(pool, [one for one in pools if one != pool])]
        for place, ((pool, arm), sizes) in enumerate(product(wanted, _SHAPE_SIZES)):
            yield partial(tables.shape_row, pool, arm, sizes, options.shape_splits, (_SEED, 1, place))
    else:
        effects = [(pool, arm) for pool in pools for arm in known_effects(pool)]
        for place, ((pool, arm), seeds) in enumerate(product(effects, _EFFECT_PLANS)):
            yield partial(tables.effect_row, pool, arm, seeds, options.effect_splits, (_SEED, 2, place))


def make(table: Table, pools: Sequence[Pool], options: Options) -> Iterator[Row]:
    """Make the rows of a table, in the order of its jobs."""
    with ProcessPoolExecutor(options.workers) as processes:
        rows = [processes.submit(job) for job in jobs(table, pools, options)]
        for done, row in enumerate(rows, start=1):
            yield row.result()
            print(f"{table}: {done} of {len(rows)}", file=sys.stderr, flush=True)


def markdown(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """A table as Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, ["---"] * len(columns), *rows))


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the tables and print them; returns 1 where a rate of false alarms is not as low as it must be."""
    options = tyro.cli(Options, args=arguments, description=__doc__)
    pools = [read_pool(name, options.pools) for name in POOLS]
    missed = 0
    for table in options.tables:
        rows = list(make(table, pools, options))
        missed += sum(tables.MISS in row for row in rows)
        printed = markdown(_COLUMNS[table], rows)
        print(f"{table}\n\n{printed}\n", flush=True)
        if options.write is not None:
            document = insert(printed, table, options.write.read_text(encoding="utf-8"))
            options.write.write_text(document, encoding="utf-8")
    if missed:
        print(f"{missed} rows have more false alarms than they may", file=sys.stderr)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
