"""The command that ranks candidate sources, and that says what such rankings were worth."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rl_transfer.cli.progress import Mode, results, shown
from rl_transfer.errors import ConfigError


@dataclass(frozen=True)
class Select:
    """Rank candidate sources for a target before training on it, by predictors that need no full training there.

    With --matrix instead: how such rankings compare with the effects that a finished study measured. Predictors are
    heuristics without an error rate; 'rl-transfer run' judges. See docs/selecting.md.
    """

    target: Annotated[str | None, tyro.conf.arg(metavar="PAIR")] = None
    """A shipped pair or the path of one: its target, learner, budget and anchors are what is to be learned."""
    sources: Annotated[tuple[str, ...], tyro.conf.arg(metavar="SOURCE")] = ()
    """Two or more: pairs, whose target, learner and budget become the source, or names of 'source list'."""
    matrix: Annotated[str | None, tyro.conf.arg(metavar="STUDY")] = None
    """A finished study of the store that has a matrix: its name, or the path of its file."""
    arm: str | None = None
    """With --matrix: the arm whose total effect is the truth; fine_tune by default."""
    seeds: int = 3
    """Seeds of each candidate."""
    first_seed: int | None = None
    """The first of them; 0 by default, with --matrix the one after the study's last."""
    share: float = 0.05
    """Share of the target's budget that early runs are trained for."""
    store: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs")
    """Folder of runs and results."""
    workers: int | None = None
    """Runs at once; as many as there are cores by default."""
    name: str | None = None
    """Name for the results; the target's or the study's by default."""
    overrides: Annotated[
        tuple[str, ...], tyro.conf.arg(name="set", metavar="KEY=VALUE"), tyro.conf.UseAppendAction
    ] = ()
    """With --target: lay a value over all pairs, such as --set budget.target=7680; may be repeated."""
    progress: Mode = "live"
    """Live on a terminal and plain lines elsewhere; plain lines; quiet: results alone; jsonl: an event a line on
    standard output, results on standard error."""

    def call(self) -> int:
        """Select and print."""
        if (self.target is None) == (self.matrix is None):
            raise ConfigError("give either --target PAIR with --sources, or --matrix STUDY")
        return self._choose(self.target) if self.target is not None else self._rate(str(self.matrix))

    def _choose(self, target: str) -> int:
        from rl_transfer.api import select_source
        from rl_transfer.cli.show_selection import show_selection

        if self.arm is not None:
            what = (
                "belongs to --matrix; with --target it is fine_tune, which --set arms.fine_tune.methods=[...] changes"
            )
            raise ConfigError(what, key="--arm")
        with shown(self.progress) as observer:
            found = select_source(
                target,
                self.sources,
                seeds=self.seeds,
                first_seed=self.first_seed or 0,
                share=self.share,
                store=self.store,
                workers=self.workers,
                overrides=self.overrides,
                name=self.name,
                observer=observer,
            )
        with results(self.progress):
            return show_selection(found, self.store, self.overrides)

    def _rate(self, study: str) -> int:
        from rl_transfer.api import rate_predictors
        from rl_transfer.cli.show_selection import show_records

        for option, given in (("--sources", self.sources), ("--set", self.overrides)):
            if given:
                raise ConfigError("belongs to --target: a matrix has its own, leave it out", key=option)
        with shown(self.progress) as observer:
            found = rate_predictors(
                study,
                arm=self.arm or "fine_tune",
                seeds=self.seeds,
                first_seed=self.first_seed,
                share=self.share,
                store=self.store,
                workers=self.workers,
                name=self.name,
                observer=observer,
            )
        with results(self.progress):
            return show_records(found, self.store)
