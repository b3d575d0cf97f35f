"""A study for TensorBoard: its runs under one folder, and the mean curves of a pair's arms in one chart."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.compat.proto import (  # type: ignore[import-untyped]
    event_pb2,
    summary_pb2,
    tensor_pb2,
    tensor_shape_pb2,
)
from tensorboard.plugins.text.metadata import create_summary_metadata  # type: ignore[import-untyped]
from tensorboard.summary.writer.event_file_writer import EventFileWriter  # type: ignore[import-untyped]

from rl_transfer.analysis import PairData, StudyResults
from rl_transfer.errors import StoreError
from rl_transfer.report.places import checked_name, tensorboard_folder
from rl_transfer.report.sheets import arms_of
from rl_transfer.report.wording import contrast, interval_text, p_text, remarks, signed
from rl_transfer.store import Store

MEANS = "_mean"
Value = summary_pb2.Summary.Value


def write_tensorboard(store: Path, results: StudyResults) -> Path:
    """Gather a study's curves for TensorBoard; what was there before is replaced as a whole.

    The folder holds, by pair and arm, a link to the events of every run of the study (the runs lie elsewhere, since
    studies share them): ``PAIR/ARM/seedN``. The mean curves of each arm from step 0 on are the run ``_mean/ARM`` with
    the tags ``score/PAIR`` and ``return/PAIR``: one chart a pair, one colour an arm. The run ``study`` holds the
    verdicts as a text.

    Args:
        store: The store's folder.
        results: The study with its verdicts.

    Returns:
        ``STORE/studies/NAME/tensorboard``, the log folder to open.

    Raises:
        RLTransferError: If the folder can't be written, or a name can't be a folder's.
    """
    folder = tensorboard_folder(store, results.data.manifest.name)
    with _replacing(folder) as fresh:
        for pair in results.data.pairs:
            _link_runs(Store(store), pair, fresh / checked_name(pair.name))
        for arm in dict.fromkeys(arm for pair in results.data.pairs for arm in arms_of(pair)):
            _write_means(results.data.pairs, arm, fresh / MEANS / checked_name(arm))
        _write_verdicts(results, fresh / "study")
    return folder


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A new folder that takes another's place once it is complete; nothing is left of it if that fails."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".tensorboard."))
        try:
            yield fresh
            fresh.chmod(0o755)
            if folder.exists():
                shutil.rmtree(folder)
            fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"{folder}: can't be written: {error}") from error


def _link_runs(store: Store, pair: PairData, folder: Path) -> None:
    """Link every run's events, by paths that stay right when the store is moved."""
    for run in pair.finished:
        events = store.root / run.path / "events"
        if events.is_dir():
            link = folder / checked_name(run.arm) / f"seed{run.seed}"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(events.resolve(), link.parent.resolve()), target_is_directory=True)


def _write_means(pairs: Sequence[PairData], arm: str, folder: Path) -> None:
    with _writer(folder) as write:
        for pair in pairs:
            if runs := pair.of_arm(arm):
                score_T = np.mean([run.score_T for run in runs], axis=0)
                return_T = np.mean([run.return_T for run in runs], axis=0)
                for step, score, return_ in zip(pair.entry.grid, score_T, return_T, strict=True):
                    values = {f"score/{pair.name}": score, f"return/{pair.name}": return_}
                    write(step, [Value(tag=tag, simple_value=float(value)) for tag, value in values.items()])


def _write_verdicts(results: StudyResults, folder: Path) -> None:
    text = tensor_pb2.TensorProto(
        dtype="DT_STRING",
        string_val=[_verdicts_markdown(results).encode()],
        tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)]),
    )
    metadata = create_summary_metadata(display_name="verdicts", description="")
    with _writer(folder) as write:
        write(0, [Value(tag="verdicts", metadata=metadata, tensor=text)])


@contextmanager
def _writer(folder: Path) -> Iterator[Callable[[int, Sequence[Any]], None]]:
    """Something that writes values at a step into a new event file of this folder."""
    writer = EventFileWriter(str(folder))

    def write(step: int, values: Sequence[Any]) -> None:
        summary = summary_pb2.Summary(value=values)
        writer.add_event(event_pb2.Event(wall_time=time.time(), step=step, summary=summary))

    try:
        yield write
    finally:
        writer.close()


def _verdicts_markdown(results: StudyResults) -> str:
    lines = ["| pair | arm | compared | verdict | difference | interval | p | n |", "|---|---|---|---|---|---|---|---|"]
    for comparison in results.comparisons:
        cells = (
            comparison.pair,
            comparison.transfer_arm,
            contrast(comparison),
            ", ".join([comparison.verdict, *remarks(comparison)]),
            "-" if comparison.difference is None else signed(comparison.difference),
            interval_text(comparison.interval),
            p_text(comparison.p),
            f"{comparison.n}/{comparison.n_baseline}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    words = [f"- {pair}, {arm}: {line}" for pair, arms in results.words.items() for arm, line in arms.items()]
    return "\n".join([*lines, "", *words])
