"""Progress for people, on a terminal and elsewhere."""

from io import StringIO
from threading import Thread

import pytest
from rich.console import Console

from rl_transfer.report import LiveProgress

PLACEBO = "cartpole_heavy_pole/fine_tune.placebo/seed0"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Shown:
    def __init__(self, *, terminal: bool) -> None:
        self.file, self.clock = StringIO(), Clock()
        console = Console(file=self.file, force_terminal=terminal, width=80, no_color=True, _environ={})
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
        progress.run_started("pair/source/seed0", 1000)
        progress.run_progress("pair/source/seed0", 0, 9.0)
        progress.run_progress("pair/source/seed0", 1000, 400.0)
        pipe.clock.now += 12
        progress.run_ended("pair/source/seed0", "completed")
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
        progress.run_started("a", 1000)
        progress.run_progress("a", 900, None)
        pipe.clock.now += 10
        progress.run_progress("a", 1000, None)
        progress.run_ended("a", "completed")
    assert "about 2 min left" in pipe.lines[-1]  # 100 steps took 10 s, 1000 are left


def test_a_short_run_is_credited_with_its_end(pipe):
    with pipe.progress as progress:
        progress.begin(runs=4, stored_runs=0, steps=4000, stored_steps=0)
        for name, first_step in (("a", 0), ("b", 500)):
            progress.run_started(name, 1000)
            progress.run_progress(name, first_step, None)
            pipe.clock.now += 15
            progress.run_ended(name, "completed")
    assert pipe.lines[1].endswith("about 45 s left")  # 1000 steps took 15 s, 3000 are left
    assert pipe.lines[2].endswith("about 40 s left")  # 1500 steps took 30 s, 2000 are left


def test_runs_that_fail_or_never_start_leave_nothing_to_wait_for(pipe):
    with pipe.progress as progress:
        progress.begin(runs=3, stored_runs=0, steps=3000, stored_steps=0)
        progress.run_started("a", 1000)
        progress.run_progress("a", 0, None)
        progress.run_progress("a", 10, None)
        pipe.clock.now += 1
        progress.run_ended("a", "diverged")
        progress.run_ended("b", "not run")
        progress.run_ended("c", "not run")
    assert pipe.lines[1] == "failed 1/3 a (diverged, 1 s), about 3 min left"
    assert pipe.lines[2:] == ["left out 2/3 b (not run), about 2 min left", "left out 3/3 c (not run), done"]


def test_many_threads(pipe):
    def work(name: str) -> None:
        pipe.progress.run_started(name, 100)
        for step in range(0, 101, 10):
            pipe.progress.run_progress(name, step, float(step))
        pipe.progress.run_ended(name, "completed")

    with pipe.progress as progress:
        progress.begin(runs=20, stored_runs=0, steps=2000, stored_steps=0)
        threads = [Thread(target=work, args=(f"run{index}",)) for index in range(20)]
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
        progress.run_progress(PLACEBO, 0, 9.3)
        shown.clock.now += 10
        progress.run_progress(PLACEBO, 10_240, 216.34)
        shown.file.truncate(0)
        progress.run_ended("other", "not run")
    text = shown.file.getvalue()
    line = next(line for line in text.splitlines() if PLACEBO in line)
    assert line.split()[-4:] == [PLACEBO, "10240/20480", "216.3", "1024"]
    assert "…" not in text
    assert "2/4 runs" in text
    assert "s left" in text
    assert "left out 2/4 other (not run)" in text
    assert text.rstrip().endswith("ran 1 not run in 10 s")


def test_a_dumb_terminal_gets_plain_lines():
    file = StringIO()
    console = Console(file=file, force_terminal=True, no_color=True, _environ={"TERM": "dumb"})
    with LiveProgress(console) as progress:
        progress.begin(runs=1, stored_runs=0, steps=10, stored_steps=0)
        progress.run_started("a", 10)
        progress.run_ended("a", "completed")
    assert file.getvalue() == "1 run, 0 stored, 1 to go\nfinished 1/1 a (completed, 0 s), done\n"
