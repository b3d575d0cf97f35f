"""The study file that tuning leaves: the same study, every arm with its own hyperparameters and the record of how."""

import os
from copy import deepcopy
from pathlib import Path
from typing import Any

from rl_transfer.errors import ConfigError
from rl_transfer.study import LoadedStudy, TuningConfig, checked_name, shipped_names
from rl_transfer.study.shipped import find_file
from rl_transfer.study.yaml_file import dump_yaml

_HEADER = """\
# What rl-transfer tune found for {name}: equally many trials for scratch and for every arm, on seeds that this study
# does not use. Sources keep the pair's own hyperparameters. rl-transfer run takes this file as it is.
"""


def tuned_file(name: str, folder: Path) -> Path:
    """Where a tuned study goes.

    Raises:
        ConfigError: If the name can't be a file's, or the file is there already.
    """
    file = folder / f"{checked_name(name, '--name')}.yaml"
    if file.exists():
        raise ConfigError("is there already: choose another --name or --out, or remove it", file=file)
    return file


def write_tuned(study: LoadedStudy, tuning: TuningConfig, file: Path) -> None:
    """Write a study with the hyperparameters that tuning found.

    Args:
        study: The study as it was.
        tuning: What was found.
        file: Where; its folder is made if it is not there.

    Raises:
        ConfigError: If it can't be written, or is there.
    """
    raw = deepcopy(study.draft.raw)
    raw["pairs"] = [_pair_text(study.pairs[0].draft.file, file.parent)]
    _set_learner(raw.setdefault("scratch", {}), tuning, "scratch")
    for name, arm in raw["arms"].items():
        _set_learner(arm, tuning, name)
    raw["tuning"] = tuning.model_dump(mode="json")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(_HEADER.format(name=study.name) + dump_yaml(raw))
    except OSError as error:
        raise ConfigError(f"can't be written: {error.strerror}", file=file) from error


def _set_learner(arm: dict[str, Any], tuning: TuningConfig, name: str) -> None:
    arm["learner"] = dict(tuning.arms[name].learner)


def _pair_text(file: Path, folder: Path) -> str:
    """A shipped pair's name; the way from the study's folder to any other."""
    if file.stem in shipped_names("pairs") and find_file(file.stem, ("pairs",))[0] == file:
        return file.stem
    try:
        way = Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive
        return str(file.resolve())
    return way if way.startswith(".") else f"./{way}"
