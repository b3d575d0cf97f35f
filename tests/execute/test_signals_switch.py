"""A study's switch for signals: it reaches the workers, and no run is another one for it."""

import subprocess

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_study import carry_out, write_study

from rl_transfer.api import plan
from rl_transfer.errors import ConfigError
from rl_transfer.execute import workers


def test_it_is_no_part_of_what_a_run_is(tmp_path):
    with_them, without = (plan(write_study(tmp_path, signals=on), store=tmp_path / "runs") for on in (True, False))
    assert [run.key for run in with_them.runs] == [run.key for run in without.runs]
    assert (with_them.study.config.signals, without.study.config.signals) == (True, False)


def test_it_must_be_true_or_false(tmp_path):
    with pytest.raises(ConfigError, match=r"tiny\.yaml:\d+: signals: must be true or false"):
        plan(write_study(tmp_path, signals="sometimes"), store=tmp_path / "runs")


@pytest.mark.parametrize(("signals", "options"), [(True, []), (False, ["--no-signals"])])
def test_the_workers_are_told(signals, options, tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **_: commands.append(command))
    workers.Workers(tmp_path, signals=signals)
    assert commands[0][3:] == [str(tmp_path), *options]


@pytest.mark.slow
@pytest.mark.xdist_group("tiny")
def test_a_study_without_them(tmp_path):
    carry_out(tmp_path, signals=False)
    folders = {path.parent for path in (tmp_path / "runs/runs").glob("*/*/*/events/events.*")}
    assert len(folders) == 8
    for folder in folders:
        tags = EventAccumulator(str(folder)).Reload().Tags()["scalars"]
        assert "eval/mean_return" in tags and not {tag for tag in tags if tag.startswith(("distance", "policy/"))}
