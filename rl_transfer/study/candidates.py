"""Candidate sources for a target: each becomes a pair of its own, as the cells of a study's matrix do."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rl_transfer.errors import ConfigError, nearest
from rl_transfer.study.config import PairConfig, StudyConfig
from rl_transfer.study.draft import Draft, Place
from rl_transfer.study.load_pairs import checked_name, finished, lay_source_over, own_learners
from rl_transfer.study.loaded import Cell, LoadedPair, LoadedStudy
from rl_transfer.study.shipped import find_file, looks_like_path, shipped_names
from rl_transfer.study.task import TaskConfig
from rl_transfer.study.texts import Overrides
from rl_transfer.study.yaml_file import read_yaml

_LONGEST = 64
_SET, _SOURCES, _TARGET = "--set", "--sources", "--target"
_OF_THE_ARM = ("arms.fine_tune.methods", "arms.fine_tune.learner")
_OPTIONS = {
    "pairs": "give --target and --sources",
    "ladders": "give --target and --sources",
    "matrix": "give --matrix",
    "seeds": "give --seeds",
    "first_seed": "give --first-seed",
    "baseline_seeds": "give --seeds: scratch has as many",
    "tuning": "remove it",
}


def load_candidates(
    target: str,
    sources: Sequence[str],
    overrides: Overrides,
    *,
    seeds: int,
    first_seed: int,
    agents: Mapping[str, TaskConfig],
) -> LoadedStudy:
    """A study of fine-tuning on one target, with a pair for each candidate source.

    Args:
        target: A shipped pair or the path of one: its target, learner, budget and anchors are what is to be learned.
        sources: Pairs likewise, whose target, learner and budget become the source; or names of stored agents.
        overrides: Values by dotted key, laid over as over a study's file.
        seeds: Seeds of each candidate.
        first_seed: The first of them.
        agents: By name the task of each stored source agent.

    Returns:
        The study; each pair's `Cell` names its source and its target.

    Raises:
        ConfigError: If anything is missing, unknown, of a wrong type, given twice or contradictory.
    """
    if len(sources) < 2:
        raise ConfigError(f"a ranking needs two sources or more, not {len(sources)}", key=_SOURCES)
    file = _find(target, _TARGET)
    raw = {
        "pairs": [str(file)],
        "arms": {"fine_tune": {"methods": ["fine_tune"]}},
        "seeds": seeds,
        "first_seed": first_seed,
    }
    study = Draft(file, raw, {})
    for key, value in overrides.items():
        if (advice := _OPTIONS.get(key.partition(".")[0])) is not None:
            raise ConfigError(f"can't be set here: {advice}", file=_SET, key=key)
        if key.startswith("arms") and not key.startswith(_OF_THE_ARM):
            what = "only methods and learner of the arm fine_tune, which carries the sources, can be set here"
            raise ConfigError(what, file=_SET, key=key)
        study.lay_over(tuple(key.split(".")), value, Place(_SET))
    config = study.validate(StudyConfig)
    alone = finished(file.stem, _read(file), study)
    pairs = [_candidate(text, alone, study, agents) for text in sources]
    _refuse_twins(sources, pairs)
    learners = (replace(pair, learners=own_learners(pair, config, study)) for pair in pairs)
    return LoadedStudy(alone.name, study, config, tuple(learners))


def _refuse_twins(sources: Sequence[str], pairs: Sequence[LoadedPair]) -> None:
    names = [pair.name for pair in pairs]
    for index, name in enumerate(names):
        earlier = names.index(name)
        if earlier < index:
            if sources[earlier] == sources[index]:
                raise ConfigError(f"{sources[index]!r} is given twice: name each source once", key=_SOURCES)
            both = f"{sources[earlier]!r} and {sources[index]!r}"
            raise ConfigError(f"{both} have the same name: give each source once, or rename a file", key=_SOURCES)


def _candidate(text: str, target: LoadedPair, study: Draft, agents: Mapping[str, TaskConfig]) -> LoadedPair:
    draft, place = _read(target.draft.file), Place(_SOURCES)
    if text in agents:
        if not looks_like_path(text) and text in shipped_names("pairs"):
            what = f"{text!r} is a shipped pair and a stored source: give the pair as the path of a copy"
            raise ConfigError(f"{what}, or import the source under another name", key=_SOURCES)
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")
        _lay_agent_over(draft, place, text, agents[text], target.config)
    else:
        file = _find(text, _SOURCES, agents)
        name = checked_name(file.stem, file)
        lay_source_over(draft, place, finished(name, _read(file), study).config, target.config.learner)
    draft.raw.pop("known", None)  # was said of the pair's own source
    draft.lay_over(("description",), f"{name} to {target.name}", place)
    return finished(f"{name}_to_{target.name}"[:_LONGEST], draft, study, Cell(name, target.name))


def _lay_agent_over(draft: Draft, place: Place, name: str, task: TaskConfig, target: PairConfig) -> None:
    """A stored agent as the source; a mapping stays where it is from this agent's task."""
    if target.source != task:
        draft.raw.pop("mapping", None)
    for key in ("source_learner", "other_sources"):
        draft.raw.pop(key, None)
    draft.lay_over(("source",), task.model_dump(mode="json", exclude_unset=True), place)
    draft.lay_over(("source_agent",), name, place)


def _read(file: Path) -> Draft:
    return Draft(file, *read_yaml(file))


def _find(text: str, option: str, agents: Mapping[str, Any] | None = None) -> Path:
    """The file of a pair; where stored agents are valid too, what is said of a wrong name includes theirs."""
    try:
        return find_file(text, ("pairs",))[0]
    except ConfigError as error:
        message = error.message if error.file is None else f"{error.message}: {error.file}"
        if agents and text.isprintable():
            near = nearest(text, [*shipped_names("pairs"), *agents])
            message = f"neither a shipped pair nor a stored source is called {text!r}; {near}"
        raise ConfigError(message, key=option) from error
