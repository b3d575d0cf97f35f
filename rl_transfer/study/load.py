"""Files to validated studies: names are found, overrides laid over, every error says file, line and key."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from rl_transfer.errors import nearest
from rl_transfer.study.config import StudyConfig
from rl_transfer.study.draft import Draft
from rl_transfer.study.load_pairs import checked_name, load_pairs, own_learners
from rl_transfer.study.loaded import LoadedPair, LoadedStudy
from rl_transfer.study.shipped import find_file
from rl_transfer.study.sources import FIRST_SOURCE
from rl_transfer.study.texts import SET, Overrides
from rl_transfer.study.tuning import TuningConfig
from rl_transfer.study.yaml_file import KeyPath, read_yaml


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
        study.lay_over(tuple(key.split(".")), value, SET)
    config = study.validate(StudyConfig)
    pairs = tuple(replace(pair, learners=own_learners(pair, config, study)) for pair in load_pairs(study, config))
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
