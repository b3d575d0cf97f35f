"""How a study's runs were made and measured, as rows of text."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rl_transfer.analysis import PairData, PairEntry
from rl_transfer.report.sheets import Sheet
from rl_transfer.report.wording import count
from rl_transfer.study import ChoicesConfig, RangeConfig, TuningConfig

_WRITTEN = {
    "source task": "source",
    "source agent": "source_agent",
    "source learner": "source_learner",
    "target task": "target",
    "learner": "learner",
}


def settings_sheet(pair: PairData, written: Mapping[str, Any]) -> Sheet:
    """How a pair's runs were made and measured.

    Args:
        pair: The pair.
        written: The pair as the study's file has it; tasks and learner are there if rl_transfer wrote it.
    """
    entry, anchors = pair.entry, pair.entry.score
    known = {"learner": entry.algorithm, **written}
    rows = [[title, _compact(known[key])] for title, key in _WRITTEN.items() if known.get(key) is not None]
    if "source_steps" in written:
        rows.append(["source steps", f"{written['source_steps']:,}"])
    rows += [[f"source {name}", _compact(said)] for name, said in written.get("other_sources", {}).items()]
    rows += [
        ["target steps", f"{entry.target_steps:,}"],
        ["evaluation", _evaluation(entry)],
        ["score", f"0 at return {anchors.random:g}, 1 at {anchors.reference:g}, floored at {anchors.worst:g}"],
        ["threshold", _thresholds(entry)],
        *(
            [f"arm {name}", ", ".join(map(_compact, arm.methods)) + _from(arm.sources) + _own(arm.learner)]
            for name, arm in entry.arms.items()
            if arm.methods
        ),
    ]
    if entry.scratch.learner:
        rows.append(["scratch", _own(entry.scratch.learner).removeprefix("; ")])
    return Sheet(["setting", "value"], rows, words=2)


def _evaluation(entry: PairEntry) -> str:
    episodes = "" if entry.episodes is None else f"{count(entry.episodes, 'episode')} at each of "
    first = "step 0 included" if entry.grid[0] == 0 else f"the first at step {entry.grid[0]:,}"
    return f"{episodes}{len(entry.grid)} points, {first}"


def _thresholds(entry: PairEntry) -> str:
    source = "" if entry.source_threshold_return is None else f"; source: return {entry.source_threshold_return:g}"
    return f"score {entry.threshold_score:g}{source}"


def _from(sources: Sequence[str] | None) -> str:
    return "" if sources is None else f"; sources: {', '.join(sources)}"


def _own(learner: Mapping[str, Any]) -> str:
    return f"; its own learner: {_compact(learner)}" if learner else ""


def tuning_sheet(tuning: TuningConfig, arms: Iterable[str]) -> Sheet:
    """What tuning found for scratch and for each arm.

    Args:
        tuning: The record.
        arms: The arms of the study.
    """
    rows = [_tuned(tuning, name) for name in ("scratch", *arms)]
    columns = [
        "arm",
        "hyperparameters found",
        "trials",
        "score of the defaults",
        "best score",
        "in trial",
        "failed runs",
    ]
    return Sheet(columns, rows, words=2)


def _tuned(tuning: TuningConfig, name: str) -> list[str]:
    found = tuning.arms.get(name)
    if found is None:
        return [name, "not tuned", "0", "-", "-", "-", "-"]
    scores = [f"{score:.3f}" for score in (found.default_score, found.best_score)]
    learner = _compact(found.learner) if found.learner else "the defaults"
    return [name, learner, str(tuning.trials), *scores, str(found.best_trial), str(found.failed_runs)]


def space_sheet(tuning: TuningConfig) -> Sheet:
    """Where hyperparameters were looked for."""
    return Sheet(
        ["hyperparameter", "looked for in"], [[name, _where(one)] for name, one in tuning.space.items()], words=2
    )


def _where(dimension: RangeConfig | ChoicesConfig) -> str:
    if isinstance(dimension, ChoicesConfig):
        return ", ".join(map(_compact, dimension.choices))
    return f"{dimension.low:g} to {dimension.high:g}{', by its logarithm' if dimension.log else ''}"


def _compact(value: Any) -> str:
    """A setting as short text: what it is first, then what is not empty."""
    if not isinstance(value, Mapping):
        return value if isinstance(value, str) else json.dumps(value)
    head = [str(value[key]) for key in ("name", "id", "algorithm") if key in value]
    rest = {key: item for key, item in value.items() if key not in ("name", "id", "algorithm")}
    return ", ".join(
        head + [f"{key}: {_compact(item)}" for key, item in rest.items() if item not in (None, {}, [], "")]
    )
