"""A study's pairs: read from their files, varied by ladders and matrices, laid over by the study."""

from collections.abc import Iterator
from pathlib import Path

from pydantic_core import PydanticCustomError

from rl_transfer.errors import ConfigError
from rl_transfer.study.base import Frozen, safe_name
from rl_transfer.study.config import ArmConfig, LadderConfig, PairConfig, ScratchConfig, StudyConfig
from rl_transfer.study.draft import Draft, Place
from rl_transfer.study.learners import LearnerConfig
from rl_transfer.study.loaded import Cell, LoadedPair, Rung
from rl_transfer.study.shipped import find_file
from rl_transfer.study.sources import FIRST_SOURCE
from rl_transfer.study.texts import SET
from rl_transfer.study.yaml_file import KeyPath, read_yaml

_LAID_OVER_PAIRS = ("learner", "budget", "evaluation", "score")
_SHARED_BY_ARMS = ("algorithm", "n_envs")


def load_pairs(study: Draft, config: StudyConfig) -> Iterator[LoadedPair]:
    """All pairs of a study: those it names, then the rungs of its ladders, then the cells of its matrix.

    Raises:
        ConfigError: If anything is missing, unknown, of a wrong type or contradictory.
    """
    for index, text in enumerate(config.pairs):
        draft = pair_draft(text, ("pairs", index), study)
        yield finished(draft.file.stem, draft, study)
    for index, ladder in enumerate(config.ladders):
        yield from _rungs(ladder, ("ladders", index), study)
    yield from _cells(config.matrix, study)


def _rungs(ladder: LadderConfig, key: KeyPath, study: Draft) -> Iterator[LoadedPair]:
    for index, rung in enumerate(ladder.rungs):
        draft = pair_draft(ladder.pair, (*key, "pair"), study)
        draft.lay_over(tuple(ladder.key.split(".")), rung.value, study.place((*key, "rungs", index, "value")))
        if rung.source_threshold_return is not None:
            key_there = (*key, "rungs", index, "source_threshold_return")
            draft.lay_over(("source_threshold_return",), rung.source_threshold_return, study.place(key_there))
        place = Rung(ladder.name, ladder.distance, rung.distance)
        yield finished(f"{ladder.name}_{rung.distance:g}".replace(".", "_").replace("+", ""), draft, study, place)


def _cells(matrix: dict[str, str], study: Draft) -> Iterator[LoadedPair]:
    """Every pair's target, learner, budget and anchors, with every other's target as its source."""
    alone = {
        name: finished(name, pair_draft(text, ("matrix", name), study), study).config for name, text in matrix.items()
    }
    for target, text in matrix.items():
        for source, config in alone.items():
            if source == target:
                continue
            draft, place = pair_draft(text, ("matrix", target), study), study.place(("matrix", source))
            lay_source_over(draft, place, config, alone[target].learner)
            draft.lay_over(("description",), f"{source} to {target}", place)
            yield finished(f"{source}_to_{target}", draft, study, Cell(source, target))


def lay_source_over(draft: Draft, place: Place, source: PairConfig, learner: LearnerConfig) -> None:
    """Let a pair's draft have another pair's target, learner and budget as its source.

    Args:
        draft: The pair.
        place: Where it says so.
        source: The other pair.
        learner: What learns the pair's target.
    """
    for key in ("mapping", "source_agent", "source_learner", "other_sources"):
        draft.raw.pop(key, None)
    score, config = source.score, source.learner.model_dump(mode="json", exclude_unset=True)
    learned = score.random + source.threshold_score * (score.reference - score.random)
    draft.lay_over(("source",), source.target.model_dump(mode="json", exclude_unset=True), place)
    draft.lay_over(("budget", "source"), source.budget.source or source.budget.target, place)
    draft.lay_over(("source_threshold_return",), learned, place)
    if source.learner != learner:
        draft.lay_over(("source_learner",), config, place)


def pair_draft(text: str, key: KeyPath, study: Draft) -> Draft:
    """A pair's file as it was read, found from the study's folder (an override's from the current one)."""
    base = Path.cwd() if study.place(key) == SET else study.file.parent
    try:
        file, _ = find_file(text, ("pairs",), base=base)
    except ConfigError as error:
        message = error.message if error.file is None else f"{error.message}: {error.file}"
        raise study.error(key, message) from error
    return Draft(file, *read_yaml(file))


def finished(name: str, draft: Draft, study: Draft, place: Rung | Cell | None = None) -> LoadedPair:
    """A pair from its draft, with what the study lays over every pair.

    Raises:
        ConfigError: If anything is missing, unknown, of a wrong type or contradictory.
    """
    for section in _LAID_OVER_PAIRS:
        _lay_section(section, study, draft)
    config = draft.validate(PairConfig)
    _refuse_contradiction(draft, config)
    return LoadedPair(checked_name(name, draft.file), draft, config, place)


class _Alone(Frozen):
    learner: LearnerConfig


def own_learners(pair: LoadedPair, config: StudyConfig, study: Draft) -> dict[str, LearnerConfig]:
    """What arms lay over the pair's learner; its algorithm and environments stay, so that their budgets compare."""
    arms: dict[KeyPath, ScratchConfig | ArmConfig] = {("scratch",): config.scratch}
    arms |= {("arms", name): arm for name, arm in config.arms_on(pair.name).items()}
    found, shared = {}, pair.config.learner.model_dump(mode="json", exclude_unset=True)
    for key, arm in arms.items():
        draft = Draft(study.file, {"learner": dict(shared)}, {})
        for name, value in arm.learner.items():
            place = (*key, "learner", name)
            if name in _SHARED_BY_ARMS and value != getattr(pair.config.learner, name):
                raise study.error(place, f"all runs of a pair have the same {name}: set it as learner.{name}")
            draft.lay_over(("learner", name), value, study.place(place))
        if arm.learner:
            try:
                found[str(key[-1])] = draft.validate(_Alone).learner
            except ConfigError as error:
                raise study.under(error, *map(str, key)) from error
    return found


def _refuse_contradiction(pair: Draft, config: PairConfig) -> None:
    for source in config.sources.values():
        said = config if source.name == FIRST_SOURCE else config.other_sources[source.name]
        if source.agent is None and source.steps is None:
            what = "is missing: give the steps that sources train, or a source_agent"
            raise pair.error((*source.keys, "budget", "source"), what)
        if source.agent is not None and said.source_learner is not None:
            what = "source_agent names an agent that is trained already: remove one of the two"
            raise pair.error((*source.keys, "source_learner"), what)
        if source.agent is not None and source.name != FIRST_SOURCE and said.budget is not None:
            what = "source_agent names an agent that is trained already: remove one of the two"
            raise pair.error((*source.keys, "budget"), what)


def _lay_section(section: str, study: Draft, pair: Draft) -> None:
    values, own = study.raw.get(section, {}), pair.raw.get(section, {})
    if not isinstance(own, dict | None):
        return  # the pair is wrong by itself: its validation says so
    if section == "learner" and own and values.get("algorithm", own.get("algorithm")) != own.get("algorithm"):
        pair.lay_over((section,), {}, study.place((section, "algorithm")))
    for key, value in values.items():
        pair.lay_over((section, key), value, study.place((section, key)))


def checked_name(name: str, place: object) -> str:
    """Pass on a study's or pair's name that is also a safe folder name.

    Raises:
        ConfigError: If it is none; says where it came from.
    """
    try:
        return safe_name(name)
    except PydanticCustomError as error:
        raise ConfigError(f"{name!r}: {error.message()}: rename it", file=place) from error
