"""Checkpoints at the boundaries of segments: what a run needs to go on after it was killed."""

from dataclasses import dataclass, fields
from pathlib import Path

from rl_transfer.errors import StoreError
from rl_transfer.learner import Learner
from rl_transfer.run.curve import Row
from rl_transfer.store import read_json, write_json
from rl_transfer.tasks import Episode


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run before a segment, apart from the learner's own.

    Attributes:
        segment: The segment that comes next, from 0.
        rows: The curve so far.
        events: Names of the TensorBoard files that are complete.
        wall_seconds: Time spent so far.
        episodes: The training episodes so far.
        teacher_calls: Observations that a teacher was asked about so far.
        reviews: How often the methods have been asked whether to give up what was transferred.
        fell_back_at: The charged step at which it was given up; None if it was not.
    """

    segment: int
    rows: tuple[Row, ...] = ()
    events: tuple[str, ...] = ()
    wall_seconds: float = 0.0
    episodes: tuple[Episode, ...] = ()
    teacher_calls: int = 0
    reviews: int = 0
    fell_back_at: int | None = None


def save(folder: Path, checkpoint: Checkpoint, learner: Learner) -> None:
    """Write a checkpoint; it counts only once its last file is there. The one before it is kept, older ones go."""
    learner.save_state(folder, checkpoint.segment)
    content = {field.name: getattr(checkpoint, field.name) for field in fields(checkpoint) if field.name != "segment"}
    write_json(_file(folder, checkpoint.segment), content)
    for outdated in (_file(folder, checkpoint.segment - 2), folder / f"learner-{checkpoint.segment - 2:04d}.pt"):
        outdated.unlink(missing_ok=True)


def latest(folder: Path) -> Checkpoint | None:
    """The last complete checkpoint of a run; None if it has none.

    Raises:
        StoreError: If it is damaged.
    """
    files = sorted(folder.glob("run-*.json"))
    if not files:
        return None
    content = read_json(files[-1])
    try:
        return Checkpoint(
            segment=int(files[-1].stem.removeprefix("run-")),
            rows=tuple(
                (int(step), int(episode), float(r), int(length)) for step, episode, r, length in content["rows"]
            ),
            events=tuple(content["events"]),
            wall_seconds=float(content["wall_seconds"]),
            episodes=tuple(Episode(int(step), float(r), int(length)) for step, r, length in content["episodes"]),
            teacher_calls=int(content["teacher_calls"]),
            reviews=int(content["reviews"]),
            fell_back_at=content["fell_back_at"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{files[-1]}: no checkpoint of this release: {error}") from error


def _file(folder: Path, segment: int) -> Path:
    return folder / f"run-{segment:04d}.json"
