"""Every run with all its settings and what came of it, for TensorBoard's view of hyperparameters."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2  # type: ignore[import-untyped]
from tensorboard.plugins.hparams import metadata as tags

from rl_transfer.analysis import PairData, RunData
from rl_transfer.report.tensorboard.events import EventFile
from rl_transfer.stats import asymptotic_score, jumpstart, mean_score, steps_to_threshold

Setting = bool | float | str
Settings = dict[str, Setting]

_TITLES = {
    "summary/mean_score": "mean score",
    "summary/jumpstart": "jumpstart",
    "summary/asymptotic_score": "asymptotic score",
    "summary/steps_to_threshold": "steps to threshold",
    "summary/reached_threshold": "reached threshold",
    "summary/retained_return": "retention",
}
_COST = "summary_costs/"
_TYPES = {bool: api_pb2.DATA_TYPE_BOOL, float: api_pb2.DATA_TYPE_FLOAT64, str: api_pb2.DATA_TYPE_STRING}


def settings_of(pair: PairData, run: RunData, spec: Mapping[str, Any]) -> Settings:
    """All settings of a run by name, nested ones with dots: pair, arm, role, seed, its methods' and its learner's.

    Args:
        pair: Its pair.
        run: The run.
        spec: Its specification as stored.
    """
    control = run.arm.rpartition(".")[2]
    role = "baseline" if run.arm == pair.entry.baseline else control if control in ("placebo", "sham") else "transfer"
    methods = spec["methods"]
    found: dict[str, Any] = {
        "pair": pair.name,
        "arm": run.arm,
        "role": role,
        "seed": run.seed,
        "methods": " + ".join(method["name"] for method in methods) or "none",
        "learner": spec["learner"],
        **{method["name"]: method["settings"] for method in methods},
    }
    return dict(_flat(found))


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Setting]]:
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, bool | str):
            yield f"{prefix}{name}", value
        elif isinstance(value, int | float):
            yield f"{prefix}{name}", float(value)
        else:
            yield f"{prefix}{name}", "none" if value in (None, {}, []) else json.dumps(value)


def of_one_type(settings_R: Iterable[Settings]) -> list[Settings]:
    """The same settings, as text where runs differ in a setting's type."""
    known = list(settings_R)
    types: dict[str, set[type]] = {}
    for name, value in (item for settings in known for item in settings.items()):
        types.setdefault(name, set()).add(type(value))
    return [
        {name: value if len(types[name]) == 1 else _text(value) for name, value in settings.items()}
        for settings in known
    ]


def _text(value: Setting) -> str:
    return value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value).lower()


def results_of(pair: PairData, run: RunData) -> dict[str, float]:
    """What came of a run, by tag: the usual measures, in score and target steps, and what it was charged."""
    score_1T, grid = run.score_T[None], pair.entry.grid
    (steps,), (reached,) = steps_to_threshold(score_1T, grid, pair.entry.threshold_score)
    found = {
        "summary/mean_score": mean_score(score_1T, grid).item(),
        "summary/jumpstart": jumpstart(score_1T, grid).item() if grid[0] == 0 else None,
        "summary/asymptotic_score": asymptotic_score(score_1T, grid).item(),
        "summary/steps_to_threshold": float(steps),
        "summary/reached_threshold": float(reached),
        "summary/retained_return": run.retained_return,
        **{f"{_COST}{name}": cost for name, cost in run.costs.items()},
    }
    return {tag: number for tag, number in found.items() if number is not None}


def write_session(file: EventFile, settings: Settings, run: RunData, start: float, end: float) -> None:
    """Add a run's settings, and how and when it ended.

    Args:
        file: That of the run.
        settings: Its settings, each of the same type in all runs.
        run: The run.
        start: When it began, in seconds since 1970.
        end: When it ended.
    """
    begun = plugin_data_pb2.SessionStartInfo(start_time_secs=start)
    for name, value in settings.items():
        if isinstance(value, bool):
            begun.hparams[name].bool_value = value
        elif isinstance(value, float):
            begun.hparams[name].number_value = value
        else:
            begun.hparams[name].string_value = value
    status = api_pb2.STATUS_FAILURE if run.failed else api_pb2.STATUS_SUCCESS
    ended = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=end)
    file.hparams(tags.SESSION_START_INFO_TAG, plugin_data_pb2.HParamsPluginData(session_start_info=begun))
    file.hparams(tags.SESSION_END_INFO_TAG, plugin_data_pb2.HParamsPluginData(session_end_info=ended))


def write_experiment(file: EventFile, description: str, settings_R: Iterable[Settings], results: Iterable[str]) -> None:
    """Add which settings and results there are, and over what they range.

    Args:
        file: That of the study's summary.
        description: What the study is about.
        settings_R: The settings of all runs, each of the same type in all of them.
        results: Tags of the results of any run, in the order in which they are to be shown.
    """
    values: dict[str, list[Setting]] = {}
    for name, value in (item for settings in settings_R for item in settings.items()):
        values.setdefault(name, []).append(value)
    experiment = api_pb2.Experiment(
        description=description,
        hparam_infos=[_setting(name, found) for name, found in values.items()],
        metric_infos=[_result(tag) for tag in dict.fromkeys(results)],
    )
    file.hparams(tags.EXPERIMENT_TAG, plugin_data_pb2.HParamsPluginData(experiment=experiment))


def _setting(name: str, values: list[Setting]) -> api_pb2.HParamInfo:
    distinct = sorted(set(values))
    info = api_pb2.HParamInfo(name=name, type=_TYPES[type(values[0])], differs=len(distinct) > 1)
    if isinstance(values[0], float):
        info.domain_interval.min_value, info.domain_interval.max_value = np.min(values), np.max(values)
    else:
        info.domain_discrete.extend(distinct)
    return info


def _result(tag: str) -> api_pb2.MetricInfo:
    title = _TITLES.get(tag, tag.removeprefix(_COST).replace("_", " "))
    return api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=title)
