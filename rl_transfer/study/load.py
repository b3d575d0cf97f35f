"""Files to validated studies: names are found, overrides laid over, every error says file, line and key."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from rl_transfer.errors import ConfigError, nearest
from rl_transfer.study.base import Frozen, safe_name
from rl_transfer.study.config import ArmConfig, LadderConfig, PairConfig, ScratchConfig, StudyConfig
from rl_transfer.study.draft import Draft, Place
from rl_transfer.study.features import FeaturesConfig
from rl_transfer.study.learners import LearnerConfig
from rl_transfer.study.shipped import find_file
from rl_transfer.study.sources import FIRST_SOURCE, PairSource
from rl_transfer.study.task import TaskConfig
from rl_transfer.study.tuning import TuningConfig
from rl_transfer.study.yaml_file import KeyPath, dotted, parse_yaml, read_yaml, shown

Overrides = dict[str, Any]
_LAID_OVER_PAIRS = ("learner", "budget", "evaluation", "score")
_SHARED_BY_ARMS = ("algorithm", "n_envs")
_SET = Place("--set")


@dataclass(frozen=True)
class Rung:
    """A pair's place on a ladder: which, what its distances are, how far this source is."""

    ladder: str
    label: str
    distance: float


@dataclass(frozen=True)
class Cell:
    """A pair's place in a matrix: the short names of its source and its target."""

    source: str
    target: str


@dataclass(frozen=True)
class LoadedPair:
    """A validated pair, its name and where its values came from; where it is a variant, its place among them."""

    name: str
    draft: Draft = field(repr=False, compare=False)
    config: PairConfig
    place: Rung | Cell | None = None
    learners: dict[str, LearnerConfig] = field(default_factory=dict)
    """The learners of arms (or scratch) that have hyperparameters of their own."""

    def sources_of(self, arm: ArmConfig) -> tuple[PairSource, ...]:
        """The sources that an arm uses, in the pair's order."""
        return tuple(one for name, one in self.config.sources.items() if arm.sources is None or name in arm.sources)

    def learner(self, arm: str) -> LearnerConfig:
        """What trains an arm's runs on the target, those of its placebo and its sham; or ``scratch``."""
        return self.learners.get(arm.partition(".")[0], self.config.learner)


@dataclass(frozen=True)
class LoadedStudy:
    """A validated study with its validated pairs, its name and where its values came from."""

    name: str
    draft: Draft = field(repr=False, compare=False)
    config: StudyConfig
    pairs: tuple[LoadedPair, ...]

    @property
    def is_pair_alone(self) -> bool:
        """Whether a pair's file stands for the study."""
        return [pair.draft.file for pair in self.pairs] == [self.draft.file]


def parse_overrides(texts: Iterable[str]) -> Overrides:
    """Parse ``key=value`` texts of ``--set``; keys are dotted, values are YAML.

    Raises:
        ConfigError: If a text is not of that form.
    """
    overrides: Overrides = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not all(part.strip() == part != "" for part in key.split(".")):
            raise ConfigError(f"write key=value, such as --set seeds=10, not {shown(text)}", file=_SET.file)
        try:
            overrides[key], _ = parse_yaml(value)
        except ConfigError as error:
            where = ".".join(part for part in (dotted(tuple(key.split("."))), error.key) if part)
            raise ConfigError(error.message, file=_SET.file, key=where) from error
    return overrides


def parse_features(text: str, place: object) -> FeaturesConfig:
    """An architecture as a learner's ``features`` has it, in YAML.

    Raises:
        ConfigError: If it is none; names the place it came from.
    """
    value, _ = parse_yaml(text)
    try:
        found: FeaturesConfig = TypeAdapter(FeaturesConfig).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(first["msg"].replace("Input should be", "must be"), file=place, key=key or None) from error
    return found


def parse_task(
    about: str, env: str, kwargs: Iterable[str], wrappers: Iterable[str], max_episode_steps: int | None
) -> TaskConfig:
    """A task from a command line's texts.

    Args:
        about: ``source`` or ``target``, for messages.
        env: A Gymnasium id.
        kwargs: ``key=value`` texts whose values are YAML.
        wrappers: YAML texts, each an entry of a task's ``wrappers``.
        max_episode_steps: The time limit; None for the environment's own.

    Raises:
        ConfigError: If a text can't be read; names the option.
    """
    raw: dict[str, Any] = {"id": env, "kwargs": {}, "wrappers": []}
    for text in kwargs:
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            what = f"write key=value, such as gravity=20.0, not {shown(text)}"
            raise ConfigError(what, file=f"--{about}-kwargs")
        if key in raw["kwargs"]:
            raise ConfigError(f"gives {key} twice: remove one", file=f"--{about}-kwargs")
        raw["kwargs"][key] = _yaml_text(value, f"--{about}-kwargs")
    raw["wrappers"] = [_yaml_text(text, "--wrapper") for text in wrappers]
    if max_episode_steps is not None:
        raw["max_episode_steps"] = max_episode_steps
    return Draft(Path(f"--{about}"), raw, {}).validate(TaskConfig)


def _yaml_text(text: str, option: str) -> Any:
    try:
        return parse_yaml(text)[0]
    except ConfigError as error:
        raise ConfigError(error.message, file=option) from error


def load_study(text: str, overrides: Overrides | None = None) -> LoadedStudy:
    """Load a study, or a pair alone, which stands for a study of fine-tuning on it.

    Args:
        text: A shipped name or a path, of a study or of a pair.
        overrides: Values by dotted key, laid over the study file. (Relative paths of pairs start from the study
            file's folder, in an override from the current folder.)

    Returns:
        The study with its pairs, all validated.

    Raises:
        ConfigError: If anything is missing, unknown, of a wrong type or contradictory.
    """
    file, kind = find_file(text, ("studies", "pairs"))
    study_name = checked_name(file.stem, file)
    raw, lines = read_yaml(file)
    if kind == "pairs" or (kind is None and "pairs" not in raw and not raw.keys().isdisjoint(("source", "target"))):
        raw, lines = {"pairs": [str(file)], "arms": {"fine_tune": _fine_tuning(several="other_sources" in raw)}}, {}
    study = Draft(file, raw, lines)
    for key, value in (overrides or {}).items():
        study.lay_over(tuple(key.split(".")), value, _SET)
    config = study.validate(StudyConfig)
    pairs = tuple(replace(pair, learners=own_learners(pair, config, study)) for pair in _pairs(study, config))
    for index, pair in enumerate(pairs):
        if pair.name in [earlier.name for earlier in pairs[:index]]:
            place: KeyPath = ("pairs", index) if index < len(config.pairs) else ()
            raise study.error(place, f"the name {pair.name} stands for another pair already")
    if config.tuning is not None:
        _refuse_other_tuning(study, config.tuning, pairs)
    _refuse_unknown_pairs(study, config, [pair.name for pair in pairs])
    _refuse_unknown_sources(study, config, pairs)
    return LoadedStudy(study_name, study, config, pairs)


def _fine_tuning(*, several: bool) -> dict[str, Any]:
    """The arm that a pair alone stands for; a network can start from one source only."""
    return {"methods": ["fine_tune"], **({"sources": [FIRST_SOURCE]} if several else {})}


def _refuse_unknown_pairs(study: Draft, config: StudyConfig, pairs: Sequence[str]) -> None:
    for name, arm in config.arms.items():
        for index, pair in enumerate(arm.pairs or ()):
            if pair not in pairs:
                what = f"this study has no pair called {pair!r}; {nearest(pair, pairs)}"
                raise study.error(("arms", name, "pairs", index), what)
    for pair in pairs:
        if not config.arms_on(pair):
            what = f"none is run on {pair}: name it in an arm's pairs, or remove it from the study"
            raise study.error(("arms",), what)


def _refuse_unknown_sources(study: Draft, config: StudyConfig, pairs: Iterable[LoadedPair]) -> None:
    for pair in pairs:
        for name, arm in config.arms_on(pair.name).items():
            for index, source in enumerate(arm.sources or ()):
                if source not in pair.config.sources:
                    what = f"{pair.name} has no source called {source!r}; {nearest(source, pair.config.sources)}"
                    raise study.error(("arms", name, "sources", index), what)


def _refuse_other_tuning(study: Draft, tuning: TuningConfig, pairs: tuple[LoadedPair, ...]) -> None:
    """Refuse a record of tuning that is about something else than the study."""
    for pair in pairs:
        here, there = (
            {"pair": name, **known}
            for name, known in ((pair.name, pair.config.settings), (tuning.pair, tuning.settings))
        )
        differs = sorted(key for key in here.keys() | there.keys() if here.get(key) != there.get(key))
        if differs:
            what = f"{pair.name} has another {' and '.join(differs)} than what was tuned"
            raise study.error(("tuning",), f"{what}: restore it, or remove tuning (--set tuning=null)")


def _pairs(study: Draft, config: StudyConfig) -> Iterator[LoadedPair]:
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
    base = Path.cwd() if study.place(key) == _SET else study.file.parent
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
