"""The command that tunes hyperparameters."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from rl_transfer.cli.progress import Mode, results, shown

if TYPE_CHECKING:
    from rl_transfer.study import TuningConfig

_Folder = Annotated[Path, tyro.conf.arg(metavar="FOLDER")]


@dataclass(frozen=True)
class Tune:
    """Tune hyperparameters for scratch and for every arm: equally many trials, on seeds that no verdict uses.

    Writes a study file that 'run' takes. Started again, it goes on where it was stopped.
    """

    study: tyro.conf.Positional[Annotated[str, tyro.conf.arg(name="STUDY", metavar="STUDY")]]
    """A shipped name or a path, of a study on one pair or of a pair alone (which stands for fine-tuning)."""
    trials: int = 20
    """Trials of each; the first: the study's own hyperparameters."""
    seeds: int = 2
    """Seeds that every trial is trained with."""
    store: _Folder = Path("runs")
    """Folder of runs and results."""
    workers: int | None = None
    """Runs at once; as many as there are cores by default."""
    out: _Folder = Path()
    """Folder for the tuned study's file."""
    name: str | None = None
    """Name of the tuned study; NAME_tuned by default."""
    overrides: Annotated[
        tuple[str, ...], tyro.conf.arg(name="set", metavar="KEY=VALUE"), tyro.conf.UseAppendAction
    ] = ()
    """Lay a value over the study file, such as --set budget.target=7680; may be repeated."""
    progress: Mode = "live"
    """Live on a terminal and plain lines elsewhere; plain lines; quiet: results alone; jsonl: an event a line on
    standard output, results on standard error."""

    def call(self) -> int:
        """Tune and print."""
        from rl_transfer.api import tune_study

        with shown(self.progress) as observer:
            file, found = tune_study(
                self.study,
                trials=self.trials,
                seeds=self.seeds,
                store=self.store,
                workers=self.workers,
                overrides=self.overrides,
                name=self.name,
                folder=self.out,
                observer=observer,
            )
        with results(self.progress):
            return _show(file, found)


def _show(file: Path, found: "TuningConfig") -> int:
    """Print what was found and what to do with it; returns the exit code."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from rl_transfer.report.places import from_here
    from rl_transfer.report.wording import count

    table = Table(title=f"Mean score over the budget, {count(len(found.seeds), 'seed')}", title_justify="left")
    table.add_column("arm", overflow="fold")
    for column in ("trials", "defaults", "best", "in trial"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("hyperparameters found", overflow="fold")
    for name, arm in found.arms.items():
        scores = [f"{score:.3f}" for score in (arm.default_score, arm.best_score)]
        learner = "\n".join(f"{key}: {value}" for key, value in arm.learner.items()) or "the defaults"
        table.add_row(*map(Text, (name, str(found.trials), *scores, str(arm.best_trial), learner)))
    console = Console()
    console.print(table)
    failed = sum(arm.failed_runs for arm in found.arms.values())
    if failed:
        console.print(f"{count(failed, 'failed run')} counted with the worst score")
    where = from_here(file.absolute())
    console.print(f"rl-transfer run {where}", markup=False, highlight=False, soft_wrap=True)
    return 0
