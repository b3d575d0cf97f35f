"""The study in TensorBoard, read by TensorBoard itself."""

import json
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rl_transfer.errors import RLTransferError
from rl_transfer.report import tensorboard_command, write_tensorboard


def scalars(folder: Path, tag: str) -> list[tuple[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return [(event.step, event.value) for event in accumulator.Scalars(tag)]


def test_mean_curves_overlay_from_step_0(build):
    store, results = build()
    folder = write_tensorboard(store, results)
    assert folder == store / "studies" / "quick" / "tensorboard"
    for pair in results.data.pairs:
        for arm in ("scratch", "fine_tune", "fine_tune.placebo"):
            for tag, attribute in ((f"score/{pair.name}", "score_T"), (f"return/{pair.name}", "return_T")):
                points = scalars(folder / "_mean" / arm, tag)
                mean_T = np.mean([getattr(run, attribute) for run in pair.of_arm(arm)], axis=0)
                assert [step for step, _ in points] == list(pair.entry.grid)
                assert [value for _, value in points] == pytest.approx(mean_T.tolist(), rel=1e-6)


def test_every_run_is_linked(build):
    store, results = build(left_out=("cartpole_reversed/fine_tune.placebo/seed3",))
    folder = write_tensorboard(store, results)
    links = {path.relative_to(folder).as_posix(): path for path in folder.glob("*/*/seed*")}
    assert len(links) == 39
    assert "cartpole_heavy_pole/source/seed4" in links
    assert "cartpole_reversed/fine_tune.placebo/seed3" not in links
    for path in links.values():
        assert not path.readlink().is_absolute()
        assert scalars(path, "eval/mean_return")[0] == (0, 0.0)


def test_links_survive_moving_the_store(build, tmp_path):
    store, results = build()
    folder = write_tensorboard(store, results).relative_to(store)
    moved = shutil.move(store, tmp_path / "elsewhere")
    assert scalars(Path(moved) / folder / "cartpole_reversed" / "scratch" / "seed0", "eval/mean_return")


def test_runs_without_events_are_left_out(build):
    store, results = build(events=False)
    folder = write_tensorboard(store, results)
    assert not list(folder.glob("*/*/seed*"))
    assert scalars(folder / "_mean" / "scratch", "score/cartpole_reversed")


def test_rewriting_replaces_and_spares_the_runs(build):
    store, results = build()
    write_tensorboard(store, results)
    _, fewer = build(
        left_out=(), pairs={"cartpole_reversed": {"scratch": 350.0, "fine_tune": 9.0}}, arms={"fine_tune": {}}
    )
    folder = write_tensorboard(store, fewer)
    assert sorted(path.name for path in folder.iterdir()) == ["_mean", "cartpole_reversed", "study"]
    assert len(list((folder / "_mean" / "scratch").iterdir())) == 1
    assert sorted(path.name for path in folder.parent.iterdir()) == [
        "curves.csv",
        "study.json",
        "tensorboard",
        "verdicts.json",
    ]
    assert len(list(store.glob("runs/cartpole_heavy_pole/*/seed*/events/*"))) == 20


def test_the_verdicts_are_a_text(build):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    store, results = build()
    accumulator = EventAccumulator(str(write_tensorboard(store, results) / "study"))
    accumulator.Reload()
    (event,) = accumulator.Tensors("verdicts")
    text = event.tensor_proto.string_val[0].decode()
    assert text.count("\n| cartpole_") == len(results.comparisons)
    assert f"{results.comparisons[0].difference:+.3f}" in text
    assert results.words["cartpole_reversed"]["fine_tune"] in text


def test_names_can_not_leave_the_folder(build):
    store, results = build(events=False)
    elsewhere = replace(results.data.pairs[0], name="../../elsewhere")
    hostile = replace(results, data=replace(results.data, pairs=(elsewhere,)))
    with pytest.raises(RLTransferError, match="folder"):
        write_tensorboard(store, hostile)
    assert sorted(path.name for path in store.rglob("*elsewhere*")) == []
    assert not list(store.glob("studies/quick/*tensorboard*"))


def test_the_command_can_be_pasted(tmp_path):
    store = tmp_path / "my runs"
    words = shlex.split(tensorboard_command(store, "quick"))
    assert words[-2:] == ["--logdir", str(store / "studies" / "quick" / "tensorboard")]


@pytest.mark.slow
def test_tensorboard_shows_it_all(build, tmp_path):
    store, results = build()
    folder = write_tensorboard(store, results)
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", folder, "--port", str(port), "--host", "localhost"]
    with (tmp_path / "log.txt").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            base = f"http://localhost:{port}/data/plugin/scalars"
            wanted = {f"_mean/{arm}" for arm in ("scratch", "fine_tune", "fine_tune.placebo")}
            wanted |= {"cartpole_heavy_pole/source/seed4", "cartpole_heavy_pole/fine_tune/seed0"}
            tags = wait_for(f"{base}/tags", wanted)
            assert len(tags) == 40 + 3
            for run in wanted:
                tag = "score/cartpole_reversed" if "_mean" in run else "eval/mean_return"
                assert tag in tags[run]
                query = urllib.parse.urlencode({"run": run, "tag": tag})
                points = fetch(f"{base}/scalars?{query}")
                assert len(points) == 11
                assert points[0][1] == 0
        finally:
            server.terminate()


def fetch(url: str):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def wait_for(url: str, wanted: set[str]):
    """Ask until the server is up and has read all runs."""
    deadline = time.monotonic() + 60
    tags: dict[str, object] = {}
    while time.monotonic() < deadline:
        try:
            tags = fetch(url)
        except urllib.error.URLError:
            tags = {}
        if wanted <= set(tags):
            return tags
        time.sleep(0.5)
    raise AssertionError(f"not shown: {sorted(wanted - set(tags))}")
