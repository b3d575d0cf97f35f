"""Reviews: a run's methods are asked, at fixed steps, whether it had better start anew."""

import csv
from collections.abc import Sequence
from pathlib import Path

from rl_transfer.errors import RLTransferError, StoreError
from rl_transfer.learner import Learner
from rl_transfer.methods import Method
from rl_transfer.store import write_csv
from rl_transfer.tasks import Episode

_FILE, _COLUMNS = "episodes.csv", ("step", "return", "length")


class StartAnew(RLTransferError):
    """Raised out of training where a method says that what was transferred is to be given up."""


class Reviews:
    """The reviews of one run.

    Args:
        methods: The arm's methods; one of them at most has something to review.
        budget: The run's budget in charged steps.
        references: Folders of the from-scratch runs that this method asked for.
    """

    def __init__(self, methods: Sequence[Method], budget: int, references: Sequence[Path]) -> None:
        self._method = next((method for method in methods if method.review_steps(budget)), None)
        self._step_C = () if self._method is None else self._method.review_steps(budget)
        self._references = [read_episodes(folder) for folder in references]

    def hold(self, learner: Learner, own: Sequence[Episode], charged: int, done: int) -> int:
        """Hold all reviews that are due.

        Args:
            learner: The run's learner.
            own: The run's training episodes.
            charged: Charged steps.
            done: Reviews held before.

        Returns:
            Reviews held by now.

        Raises:
            StartAnew: If the learner is to start anew; says why.
        """
        while self._method is not None and done < len(self._step_C) and self._step_C[done] <= charged:
            done += 1
            reason = self._method.review(learner, self._step_C[:done], own, self._references)
            if reason is not None:
                raise StartAnew(reason)
        return done


def write_episodes(folder: Path, episodes: Sequence[Episode]) -> None:
    """Write a run's training episodes, one row each."""
    write_csv(folder / _FILE, _COLUMNS, episodes)


def read_episodes(folder: Path) -> list[Episode]:
    """A finished run's training episodes.

    Raises:
        StoreError: If the file is missing or damaged.
    """
    path = folder / _FILE
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            return [Episode(int(row["step"]), float(row["return"]), int(row["length"])) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{path}: needs the columns {','.join(_COLUMNS)} with numbers: {error}") from error
