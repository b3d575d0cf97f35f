"""Hyperparameters, tuned for scratch and arms alike."""

from collections.abc import Sequence
from pathlib import Path

from rl_transfer.execute import (
    Observer,
    Silent,
    count_workers,
    plan_study,
    refuse_untunable,
    tune,
    tuned_file,
    write_tuned,
)
from rl_transfer.store import Store
from rl_transfer.study import (
    TuningConfig,
    load_study,
    parse_overrides,
)


def tune_study(
    study: str | Path,
    *,
    trials: int = 20,
    seeds: int = 2,
    store: str | Path = "runs",
    workers: int | None = None,
    overrides: Sequence[str] = (),
    name: str | None = None,
    folder: str | Path = ".",
    observer: Observer | None = None,
) -> tuple[Path, TuningConfig]:
    """Tune hyperparameters for scratch and for every arm, equally many trials of each, on seeds that no verdict uses.

    Placebos and shams take their arm's hyperparameters, sources keep the pair's. The same call goes on where an earlier
    one was stopped.

    Args:
        study: A shipped name or a path, of a study on one pair or of a pair alone (which stands for fine-tuning).
        trials: Trials of each; the first: the study's own hyperparameters.
        seeds: Seeds that every trial is trained with.
        store: Folder of runs and results.
        workers: Processes at once; as many as there are cores by default.
        overrides: ``key=value`` texts laid over the study file.
        name: The name of the tuned study; ``NAME_tuned`` by default.
        folder: Where its file goes.
        observer: Who is told how it goes on.

    Returns:
        The tuned study's file, which :func:`run_study` takes; an existing one is never overwritten. And what was found.

    Raises:
        ConfigError: If the study can't be carried out or tuned, the file is there, or Optuna is not installed.
        StoreError: If the store can't be used.
        RLTransferError: If a run crashed.
    """
    count = count_workers(workers)
    loaded = load_study(str(study), parse_overrides(overrides))
    refuse_untunable(loaded, trials=trials, seeds=seeds)
    file = tuned_file(f"{loaded.name}_tuned" if name is None else name, Path(folder))
    place = Store(Path(store).absolute())
    plan_study(loaded, place)
    place.open()
    found = tune(loaded, place, trials=trials, seeds=seeds, workers=count, observer=observer or Silent())
    write_tuned(loaded, found, file)
    return file, found
