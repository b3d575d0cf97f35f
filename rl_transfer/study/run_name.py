"""What a run is called while it goes on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RunName:
    """Which run it is, for people and for programs that follow a study.

    Attributes:
        pair: Name of the pair.
        arm: Name of the arm, of its control, or of the source.
        seed: Seed index.
        trial: Which trial of a tuning it belongs to, from 1; None elsewhere.
    """

    pair: str
    arm: str
    seed: int
    trial: int | None = None

    def __str__(self) -> str:
        name = f"{self.pair}/{self.arm}/seed{self.seed}"
        return name if self.trial is None else f"trial {self.trial} {name}"
