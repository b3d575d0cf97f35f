"""The command that judges curves of other programs."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    from rl_transfer.report import CurvesOutcome

_Anchor = Annotated[tuple[str, ...], tyro.conf.arg(metavar="RETURN"), tyro.conf.UseAppendAction]


@dataclass(frozen=True)
class Judge:
    """Judge learning curves that other programs made; trains nothing.

    CURVES is a CSV file (columns arm, seed, step, return; optional pair, source, run, episode), or a folder laid out
    ARM/SEED of TensorBoard's event files or of Stable-Baselines3's and the RL Zoo's evaluations.npz.
    """

    curves: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(name="CURVES", metavar="CURVES")]]
    """The file or folder. An arm called X.placebo or X.sham is a control of the arm X."""
    baseline: Annotated[str, tyro.conf.arg(metavar="ARM")]
    """The arm that all others are compared with."""
    random: _Anchor
    """Return of a random policy (needed); PAIR=RETURN for one pair, may be repeated."""
    reference: _Anchor
    """Return of a policy that has learned the task (needed), likewise."""
    worst: _Anchor = ()
    """The lowest return that counts, and that of a failed run; by default --random or the lowest of all returns."""
    alpha: float = 0.05
    """Error level."""
    margin: float = 0.10
    """Differences in score inside +-margin are negligible."""
    threshold_score: float = 0.8
    """The score of 'steps to threshold'."""
    placebo: Annotated[tuple[str, ...], tyro.conf.arg(metavar="ARM=PLACEBO"), tyro.conf.UseAppendAction] = ()
    """Which arm is the placebo of which, where it is not called ARM.placebo; may be repeated."""
    tag: str | None = None
    """The scalar to take from event files; eval/mean_reward by default."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Folder for the results; judged/NAME by default."""
    name: str | None = None
    """Name of the results; the file's or folder's by default."""

    def call(self) -> int:
        """Judge and print."""
        from rl_transfer.analysis import parse_anchor, parse_placebos
        from rl_transfer.report import judge_curves

        outcome = judge_curves(
            self.curves,
            baseline=self.baseline,
            random=parse_anchor(self.random, "--random"),
            reference=parse_anchor(self.reference, "--reference"),
            worst=parse_anchor(self.worst, "--worst") or None,
            alpha=self.alpha,
            margin=self.margin,
            threshold_score=self.threshold_score,
            placebos=parse_placebos(self.placebo),
            tag=self.tag,
            out=self.out,
            name=self.name,
        )
        return _show(outcome)


def _show(outcome: "CurvesOutcome") -> int:
    """Print verdicts, notes and where the report is; returns the exit code."""
    from rich.console import Console

    from rl_transfer.report import verdict_table
    from rl_transfer.report.places import from_here

    console = Console(soft_wrap=False)
    console.print(verdict_table(outcome.results))
    curves = outcome.results.data.manifest.curves
    for note in curves.notes if curves else ():
        console.print(f"Note: {note}", markup=False, highlight=False)
    console.print(f"Report: {from_here(outcome.report.absolute())}", markup=False, soft_wrap=True)
    return 0
