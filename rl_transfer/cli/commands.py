"""The commands: their options, and the calls they make."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from rl_transfer.cli.judge import Judge
from rl_transfer.cli.new import New
from rl_transfer.cli.plan import Plan
from rl_transfer.cli.play import Play
from rl_transfer.cli.progress import Mode, results, shown
from rl_transfer.cli.runs import Gc, Rm, Runs, Show
from rl_transfer.cli.select import Select
from rl_transfer.cli.source import Source
from rl_transfer.cli.tensorboard import TensorBoard
from rl_transfer.cli.tune import Tune

_Study = Annotated[str, tyro.conf.arg(name="STUDY", metavar="STUDY")]
_Overrides = Annotated[tuple[str, ...], tyro.conf.arg(name="set", metavar="KEY=VALUE"), tyro.conf.UseAppendAction]
_Store = Annotated[Path, tyro.conf.arg(metavar="FOLDER")]


@dataclass(frozen=True)
class Run:
    """Carry out a study: train what is not stored yet, judge, write the report."""

    study: tyro.conf.Positional[_Study]
    """A shipped name (see 'list studies') or a path, of a study or of a pair alone."""
    store: _Store = Path("runs")
    """Folder of runs and results."""
    workers: int | None = None
    """Runs at once; as many as there are cores by default."""
    name: str | None = None
    """Name for the results; the file's by default."""
    overrides: _Overrides = ()
    """Lay a value over the study file, such as --set seeds=10 or --set learner.gamma=0.99; may be repeated."""
    progress: Mode = "live"
    """Live on a terminal and plain lines elsewhere; plain lines; quiet: results alone; jsonl: an event a line on
    standard output, results on standard error."""

    def call(self) -> int:
        """Run and print."""
        from rl_transfer.api import run_study
        from rl_transfer.cli.show import show_outcome

        with shown(self.progress) as observer:
            outcome = run_study(
                self.study,
                store=self.store,
                workers=self.workers,
                overrides=self.overrides,
                name=self.name,
                observer=observer,
            )
        with results(self.progress):
            return show_outcome(outcome, self.store)


@dataclass(frozen=True)
class Report:
    """Judge a study's stored runs again and rebuild its report; trains nothing."""

    study: tyro.conf.Positional[_Study]
    """Name of the study, or the path of its file."""
    store: _Store = Path("runs")
    """Folder of runs and results."""
    parquet: bool = False
    """Write curves, verdicts and runs as Parquet too."""

    def call(self) -> int:
        """Report and print."""
        from rl_transfer.api import report_study
        from rl_transfer.cli.show import show_outcome

        return show_outcome(report_study(self.study, store=self.store, parquet=self.parquet), self.store)


@dataclass(frozen=True)
class Check:
    """Check a study before it costs anything: its runs, their cost, and whether its seeds can decide.

    A pair alone is examined besides: its environments, what each of their settings changes, its score anchors, and a
    thousand steps of training.
    """

    study: tyro.conf.Positional[_Study]
    """A shipped name (see 'list studies') or a path, of a study or of a pair alone."""
    store: _Store = Path("runs")
    """Folder of runs and results; what it has already need not be run."""
    workers: int | None = None
    """Runs at once, for the estimate of time."""
    overrides: _Overrides = ()
    """Lay a value over the study file, such as --set seeds=10; may be repeated."""

    def call(self) -> int:
        """Check and print."""
        from rl_transfer.api import plan
        from rl_transfer.cli.show import show_examination, show_plan
        from rl_transfer.execute import count_workers
        from rl_transfer.store import Store

        workers = count_workers(self.workers)
        Store(self.store.absolute()).check()
        planned = plan(self.study, self.overrides, store=self.store)
        problems = show_examination(planned) if planned.study.is_pair_alone else 0
        return show_plan(planned, self.store, workers) or problems


@dataclass(frozen=True)
class Export:
    """Write a finished run's actor as one file to deploy: raw observations in, actions out, normalisation inside."""

    run: tyro.conf.Positional[Annotated[str, tyro.conf.arg(name="RUN", metavar="RUN")]]
    """A run's folder, or PAIR/ARM/seedN as 'runs' prints it (with the key where that is not unique)."""
    format: Literal["onnx", "torch"]
    """ONNX, or a file that torch.export.load reads."""
    output: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """The file; actor.onnx or actor.pt2 in the run's agent folder by default."""
    store: _Store = Path("runs")
    """Folder of runs and results."""
    overwrite: bool = False
    """Replace a file of that name that has another content."""

    def call(self) -> int:
        """Export and print."""
        from rl_transfer.api import export_actor
        from rl_transfer.report.places import from_here

        file = export_actor(self.run, self.format, store=self.store, output=self.output, overwrite=self.overwrite)
        print(from_here(file.absolute()))
        return 0


@dataclass(frozen=True)
class List:
    """List what is shipped."""

    what: tyro.conf.Positional[Literal["pairs", "methods", "envs", "studies"]]
    """Which list; 'runs' lists the runs of a store."""

    def call(self) -> int:
        """List and print."""
        from rl_transfer.cli.listing import show_list

        return show_list(self.what)


Command = (
    Annotated[Run, tyro.conf.subcommand("run")]
    | Annotated[Report, tyro.conf.subcommand("report")]
    | Annotated[TensorBoard, tyro.conf.subcommand("tensorboard")]
    | Annotated[Check, tyro.conf.subcommand("check")]
    | Annotated[Plan, tyro.conf.subcommand("plan")]
    | Annotated[Judge, tyro.conf.subcommand("judge")]
    | Annotated[Select, tyro.conf.subcommand("select")]
    | Annotated[New, tyro.conf.subcommand("new")]
    | Annotated[Tune, tyro.conf.subcommand("tune")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Source, tyro.conf.subcommand("source")]
    | Annotated[Play, tyro.conf.subcommand("play")]
    | Annotated[Runs, tyro.conf.subcommand("runs")]
    | Annotated[Show, tyro.conf.subcommand("show")]
    | Annotated[Rm, tyro.conf.subcommand("rm")]
    | Annotated[Gc, tyro.conf.subcommand("gc")]
    | Annotated[List, tyro.conf.subcommand("list")]
)
