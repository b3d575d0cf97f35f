"""Progress for people, on a terminal and elsewhere."""

import json
from dataclasses import replace
from datetime import datetime
from io import StringIO
from threading import Thread

import pytest
from rich.console import Console

from rl_transfer.analysis import Comparison
from rl_transfer.report import JsonLines, LiveProgress
from rl_transfer.stats import Interval
from rl_transfer.study import RunName

PLACEBO = RunName("cartpole_heavy_pole", "fine_tune.placebo", 0)
SOURCE, OTHER, THIRD = (RunName("pair", arm, 0) for arm in ("source", "other", "third"))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Shown:
    def __init__(self, *, terminal: bool, width: int = 80) -> None:
        self.file, self.clock = StringIO(), Clock()
        console = Console(file=self.file, force_terminal=terminal, width=width, no_color=True, _environ={})
        self.progress = LiveProgress(console, self.clock)

    @property
    def lines(self) -> list[str]:
        return self.file.getvalue().splitlines()


@pytest.fixture
def pipe() -> Shown:
    return Shown(terminal=False)


def test_plain_lines(pipe):
    with pipe.progress as progress:
        progress.begin(runs=35, stored_runs=2, steps=35_000, stored_steps=2_000)
        progress.run_started(SOURCE, 1000)
        progress.run_progress(SOURCE, 0, 9.0, None)
        progress.run_progress(SOURCE, 1000, 400.0, None)
        pipe.clock.now += 12
        progress.run_ended(SOURCE, "completed")
    assert pipe.lines == [
        "35 runs, 2 stored, 33 to go",
        "finished 3/35 pair/source/seed0 (completed, 12 s), about 6 min left",
    ]


def test_everything_stored_is_one_line(pipe):
    with pipe.progress as progress:
        progress.begin(runs=35, stored_runs=35, steps=35_000, stored_steps=35_000)
    assert pipe.lines == ["all 35 runs are stored"]


def test_a_continued_run_does_not_look_fast(pipe):
    with pipe.progress as progress:
        progress.begin(runs=2, stored_runs=0, steps=2000, stored_steps=0)
        progress.run_started(SOURCE, 1000)
        progress.run_progress(SOURCE, 900, None, None)
        pipe.clock.now += 10
        progress.run_progress(SOURCE, 1000, None, None)
        progress.run_ended(SOURCE, "completed")
    assert "about 2 min left" in pipe.lines[-1]  # 100 steps took 10 s, 1000 are left


def test_what_starting_takes_is_no_training(pipe):
    with pipe.progress as progress:
        progress.begin(runs=4, stored_runs=0, steps=4000, stored_steps=0)
        for name in (SOURCE, OTHER):
            progress.run_started(name, 1000)
        pipe.clock.now += 60  # imports
        for step in (0, 400):
            for name in (SOURCE, OTHER):
                progress.run_progress(name, step, None, None)
            pipe.clock.now += 20 - step / 40
        progress.run_ended(THIRD, "not run")
    assert pipe.lines[-1].endswith("about 45 s left")  # 800 steps took 20 s, 2200 are left, 10 s of that are over


def test_a_run_without_a_report_is_starting():
    shown = Shown(terminal=True)
    with shown.progress as progress:
        progress.begin(runs=2, stored_runs=0, steps=2000, stored_steps=0)
        progress.run_started(SOURCE, 1000)
        progress.run_started(OTHER, 1000)
        progress.run_progress(OTHER, 100, None, None)
        shown.file.truncate(0)
        progress.run_ended(THIRD, "not run")
    starting, started = (
        next(line.split() for line in shown.file.getvalue().splitlines() if line.strip("\0").startswith(str(name)))
        for name in (SOURCE, OTHER)
    )
    assert starting[1:] == ["starting"]
    assert started[1:] == ["10", "%"]


def test_a_short_run_is_credited_with_its_end(pipe):
    with pipe.progress as progress:
        progress.begin(runs=4, stored_runs=0, steps=4000, stored_steps=0)
        for name, first_step in ((SOURCE, 0), (OTHER, 500)):
            progress.run_started(name, 1000)
            progress.run_progress(name, first_step, None, None)
            pipe.clock.now += 15
            progress.run_ended(name, "completed")
    assert pipe.lines[1].endswith("about 45 s left")  # 1000 steps took 15 s, 3000 are left
    assert pipe.lines[2].endswith("about 40 s left")  # 1500 steps took 30 s, 2000 are left


def test_runs_that_fail_or_never_start_leave_nothing_to_wait_for(pipe):
    with pipe.progress as progress:
        progress.begin(runs=3, stored_runs=0, steps=3000, stored_steps=0)
        progress.run_started(SOURCE, 1000)
        progress.run_progress(SOURCE, 0, None, None)
        progress.run_progress(SOURCE, 10, None, None)
        pipe.clock.now += 1
        progress.run_ended(SOURCE, "diverged")
        progress.run_ended(OTHER, "not run")
        progress.run_ended(THIRD, "not run")
    assert pipe.lines[1] == "failed 1/3 pair/source/seed0 (diverged, 1 s), about 3 min left"
    assert pipe.lines[2:] == [
        "left out 2/3 pair/other/seed0 (not run), about 2 min left",
        "left out 3/3 pair/third/seed0 (not run), done",
    ]


def test_many_threads(pipe):
    def work(name: RunName) -> None:
        pipe.progress.run_started(name, 100)
        for step in range(0, 101, 10):
            pipe.progress.run_progress(name, step, float(step), None)
        pipe.progress.run_ended(name, "completed")

    with pipe.progress as progress:
        progress.begin(runs=20, stored_runs=0, steps=2000, stored_steps=0)
        threads = [Thread(target=work, args=(RunName("pair", "arm", index),)) for index in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(pipe.lines) == 21
    assert sorted(line.split()[1] for line in pipe.lines[1:]) == sorted(f"{index}/20" for index in range(1, 21))


def test_a_terminal_shows_the_running_runs_and_the_whole():
    shown = Shown(terminal=True)
    with shown.progress as progress:
        progress.begin(runs=4, stored_runs=1, steps=80_000, stored_steps=20_000)
        progress.run_started(PLACEBO, 20_480)
        progress.run_progress(PLACEBO, 0, 9.3, -0.03)
        shown.clock.now += 10
        progress.run_progress(PLACEBO, 10_240, 216.34, 0.406)
        shown.file.truncate(0)
        progress.run_ended(OTHER, "not run")
    text = shown.file.getvalue()
    line = next(line for line in text.splitlines() if str(PLACEBO) in line)
    assert line.split()[-4:] == ["%", "216.3", "0.41", "1,024"]
    assert "…" not in text
    assert "2/4 runs" in text
    assert "s left" in text
    assert "left out 2/4 pair/other/seed0 (not run)" in text
    assert text.rstrip().endswith("ran 1 not run in 10 s")


def test_a_dumb_terminal_gets_plain_lines():
    file = StringIO()
    console = Console(file=file, force_terminal=True, no_color=True, _environ={"TERM": "dumb"})
    with LiveProgress(console) as progress:
        progress.begin(runs=1, stored_runs=0, steps=10, stored_steps=0)
        progress.run_started(SOURCE, 10)
        progress.run_ended(SOURCE, "completed")
    assert file.getvalue() == "1 run, 0 stored, 1 to go\nfinished 1/1 pair/source/seed0 (completed, 0 s), done\n"


def comparison(family: str, verdict: str, difference: float | None) -> Comparison:
    known = {"pair": "pair", "arm": "arm", "baseline": "scratch", "text": "", "level": 0.05, "alpha": 0.05}
    counts = {"look": 1, "looks": 2, "comparisons": 1, "n": 5, "n_baseline": 5}
    none = {"missing_runs": (0, 0), "failed_runs": (0, 0), "runs": ()}
    interval = None if difference is None else Interval(difference - 0.1, float("inf"))
    return Comparison(
        **known, **counts, **none, family=family, verdict=verdict, difference=difference, interval=interval
    )


JUDGED = [comparison("total", "positive", 0.5), comparison("knowledge", "inconclusive", None)]


def test_verdicts_are_said_as_they_come(pipe):
    with pipe.progress as progress:
        progress.arm_judged(JUDGED)
    assert pipe.lines == ["verdict pair/arm (look 1 of 2): total positive +0.500, knowledge inconclusive"]


def test_a_wide_terminal_has_room_for_steps():
    shown = Shown(terminal=True, width=120)
    with shown.progress as progress:
        progress.begin(runs=1, stored_runs=0, steps=20_480, stored_steps=0)
        progress.run_started(PLACEBO, 20_480)
        progress.run_progress(PLACEBO, 10_240, 216.34, 0.406)
        shown.file.truncate(0)
        progress.run_ended(OTHER, "crashed")
    line = next(line for line in shown.file.getvalue().splitlines() if str(PLACEBO) in line)
    assert line.split()[-4:] == [str(PLACEBO), "10,240/20,480", "216.3", "0.41"]


def test_lines_for_programs():
    file, clock = StringIO(), Clock()
    with JsonLines(file, clock) as progress:
        progress.begin(runs=2, stored_runs=0, steps=2000, stored_steps=0, stage="look 1 of 2")
        progress.run_started(PLACEBO, 1000)
        progress.run_progress(PLACEBO, 0, float("nan"), None)
        clock.now += 10
        progress.run_progress(PLACEBO, 500, 216.34, 0.406)
        progress.run_ended(PLACEBO, "completed")
        progress.run_ended(replace(PLACEBO, trial=3), "not run")
        progress.arm_judged(JUDGED)
    begin, started, first, second, ended, left_out, total, knowledge = map(json.loads, file.getvalue().splitlines())
    run = {"pair": "cartpole_heavy_pole", "arm": "fine_tune.placebo", "seed": 0}
    for entry in (begin, started, first, second, ended, left_out, total, knowledge):
        datetime.fromisoformat(entry.pop("time"))
        assert entry.pop("stage") == "look 1 of 2"
    assert begin == {"event": "begin", "runs": 2, "stored_runs": 0, "steps": 2000, "stored_steps": 0}
    assert started == {"event": "run_started", **run, "steps": 1000}
    assert (first["step"], first["mean_return"], first["steps_per_second"]) == (0, None, None)
    numbers = {"step": 500, "steps": 1000, "mean_return": 216.34, "score": 0.406, "steps_per_second": 50.0}
    assert second == {"event": "run_progress", **run, **numbers}
    counts = {"ended": 1, "runs": 2, "seconds": 10.0, "seconds_left": 10.0}
    assert ended == {
        "event": "run_ended",
        **run,
        "outcome": "completed",
        "mean_return": 216.34,
        "score": 0.406,
        **counts,
    }
    assert (left_out["trial"], left_out["outcome"], left_out["seconds"]) == (3, "not run", None)
    assert (total["event"], total["verdict"], total["interval"]) == ("verdict", "positive", [0.4, None])
    assert (knowledge["family"], knowledge["difference"]) == ("knowledge", None)
