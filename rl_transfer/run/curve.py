"""The curve of a run while it is measured: evaluation at fixed steps, in evaluation's own seeds."""

from collections.abc import Callable, Sequence
from pathlib import Path

from rl_transfer import seeds
from rl_transfer.learner import Learner
from rl_transfer.store import write_csv
from rl_transfer.study import RunSpec, TaskConfig
from rl_transfer.tasks import Episodes, evaluate

Row = tuple[int, int, float, int]
"""Grid step, episode, undiscounted return, length."""


class Curve:
    """Evaluates a learner at the grid's steps, each once, and keeps every episode.

    Args:
        spec: The run.
        rows: Episodes measured in earlier segments.
        on_point: Called after each evaluation with the learner, the step and the mean return.
    """

    def __init__(self, spec: RunSpec, rows: Sequence[Row], on_point: Callable[[Learner, int, float], None]) -> None:
        self.rows = list(rows)
        self._spec = spec
        self._on_point = on_point
        self._measured = len({row[0] for row in rows})

    @property
    def evaluation_steps(self) -> int:
        """Environment steps that evaluation took so far."""
        return sum(length for _, _, _, length in self.rows)

    def measure_before(self, learner: Learner, step: int) -> None:
        """Evaluate at all grid points below a step that are not measured yet.

        The next update uses steps up to ``step``: at every grid point below it the policy is the present one.

        Raises:
            DivergedError: If a point is due and the learner's parameters are not finite.
        """
        grid = self._spec.grid
        while self._measured < len(grid) and grid[self._measured] < step:
            learner.refuse_divergence()
            point = grid[self._measured]
            episodes = play(self._spec, self._spec.task, learner, self._measured)
            self.rows += curve_rows(point, episodes)
            self._measured += 1
            mean = float(episodes.return_E.mean())
            learner.record("eval/mean_return", mean, point)
            learner.record("eval/mean_length", float(episodes.length_E.mean()), point)
            self._on_point(learner, point, mean)

    def write(self, path: Path) -> None:
        """Write one row per episode."""
        write_csv(path, ("step", "episode", "return", "length"), self.rows)


def curve_rows(step: int, episodes: Episodes) -> list[Row]:
    """The rows of one evaluation."""
    results = zip(episodes.return_E.tolist(), episodes.length_E.tolist(), strict=True)
    return [(step, episode, return_, length) for episode, (return_, length) in enumerate(results)]


def play(spec: RunSpec, task: TaskConfig, learner: Learner, index: int) -> Episodes:
    """Evaluate a learner on a task, in episodes whose seeds are the same for every arm.

    Args:
        spec: The run, for its seed, number of episodes and mode of acting.
        task: The task, unshaped.
        learner: Who acts.
        index: Place of the evaluation; each has episodes of its own.
    """
    episode_seeds = [
        seeds.integer(spec.role, spec.seed, "evaluation", index, episode) for episode in range(spec.episodes)
    ]
    with learner.isolated(seeds.integer(spec.role, spec.seed, "evaluation", index)):
        return evaluate(task, lambda batch: learner.act(batch, deterministic=spec.deterministic), episode_seeds)
