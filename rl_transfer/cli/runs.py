"""The commands about stored runs: list, show, remove, tidy up."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

_Status = Literal["completed", "failed", "unfinished", "running"]
_Store = Annotated[Path, tyro.conf.arg(metavar="FOLDER")]


@dataclass(frozen=True)
class Runs:
    """List the runs of a store."""

    filter: tyro.conf.Positional[
        Annotated[str | None, tyro.conf.arg(name="FILTER", metavar="[FILTER]", constructor=str, help_behavior_hint="")]
    ] = None
    """A pattern of names, such as 'cartpole*' or '*/fine_tune*'; all runs by default."""
    status: Annotated[_Status | None, tyro.conf.arg(constructor_factory=lambda: _Status, help_behavior_hint="")] = None
    """Only those that ended well, that diverged or whose environment failed, that never ended, or are trained now."""
    store: _Store = Path("runs")
    """Folder of runs and results."""

    def call(self) -> int:
        """List and print."""
        from rl_transfer.cli.show_runs import list_runs

        return list_runs(self.store, self.filter, self.status)


@dataclass(frozen=True)
class Show:
    """Show a run: what it is, how it ended, what it cost, its curve, its sources, and which studies need it."""

    run: tyro.conf.Positional[Annotated[str, tyro.conf.arg(name="RUN", metavar="RUN")]]
    """A run's folder, or PAIR/ARM/seedN as 'runs' prints it (with the key where that is not unique)."""
    store: _Store = Path("runs")
    """Folder of runs and results."""

    def call(self) -> int:
        """Show."""
        from rl_transfer.cli.show_runs import show_run

        return show_run(self.run, self.store)


@dataclass(frozen=True)
class Rm:
    """Remove runs, or a study with the runs that nobody else needs. Asks before."""

    runs: tyro.conf.Positional[
        Annotated[tuple[str, ...], tyro.conf.arg(name="RUN", metavar="[RUN ...]", help_behavior_hint="")]
    ] = ()
    """Runs' folders, or PAIR/ARM/seedN as 'runs' prints them."""
    study: Annotated[str | None, tyro.conf.arg(metavar="NAME", constructor=str, help_behavior_hint="")] = None
    """A study: its results, and its runs that no other study or selection needs."""
    yes: bool = False
    """Don't ask."""
    force: bool = False
    """Remove runs that finished studies need, too (not with --study)."""
    store: _Store = Path("runs")
    """Folder of runs and results."""

    def call(self) -> int:
        """Ask and remove."""
        from rl_transfer.cli.remove import remove_named, remove_study
        from rl_transfer.errors import ConfigError

        if bool(self.runs) == (self.study is not None):
            raise ConfigError("give either RUNs or --study NAME; 'rl-transfer runs' lists runs")
        if self.study is not None:
            if self.force:
                raise ConfigError("--study removes only runs that nobody else needs: leave --force out")
            return remove_study(self.store, self.study, yes=self.yes)
        return remove_named(self.store, self.runs, yes=self.yes, force=self.force)


@dataclass(frozen=True)
class Gc:
    """List what nobody needs in a store and how much space it takes; with --yes, remove it.

    That is: runs of no study (those of a tuning and unused sources among them), and what finished studies left
    unfinished. Imported agents, runs that are trained now, and runs that an unfinished study can go on with stay.
    """

    yes: bool = False
    """Remove it."""
    store: _Store = Path("runs")
    """Folder of runs and results."""

    def call(self) -> int:
        """List, and remove if wanted."""
        from rl_transfer.cli.remove import collect_garbage

        return collect_garbage(self.store, yes=self.yes)
