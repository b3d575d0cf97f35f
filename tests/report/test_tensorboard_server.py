"""``rl-transfer tensorboard``: what TensorBoard itself answers, and what a browser shows."""

import csv
import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections import defaultdict

import pytest
from boards import board
from browser import PROGRAM, browser

from rl_transfer.api import tensorboard_of
from rl_transfer.cli import main
from rl_transfer.report import link_tensorboard, write_tensorboard
from rl_transfer.report.tensorboard.server import views

PAIRS = ("cartpole_heavy_pole", "cartpole_reversed")
ARMS = ("scratch", "fine_tune", "fine_tune.placebo")
RUNS = "runs of cartpole_heavy_pole"
RUN = "cartpole_reversed/fine_tune/seed3"


def test_without_a_name_the_study_that_was_run_last_is_shown(build):
    store, _ = build(name="older", seeds=2, events=False)
    time.sleep(0.01)
    build(name="newer", seeds=2, events=False)
    assert tensorboard_of(store=store).parent.name == "newer"
    assert tensorboard_of("older", store=store) == store / "studies/older/tensorboard"
    assert (store / "studies/older/tensorboard/_sources").is_dir()


def test_what_is_not_there_is_said(build, tmp_path, capsys):
    store, _ = build(name="older", seeds=2, events=False)
    assert main(["tensorboard", "oldr", "--store", str(store)]) == 2
    assert re.search(r"no study 'oldr' in this store; did you mean 'older'", capsys.readouterr().err)
    assert main(["tensorboard", "--store", str(tmp_path / "nowhere")]) == 2
    assert "nowhere: no study in this store yet; 'rl-transfer run NAME' carries one out" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert main(["tensorboard", "--store", str(tmp_path / "file")]) == 2
    assert "is no folder: choose another --store" in capsys.readouterr().err


def test_a_number_that_is_no_port_is_said(build, capsys):
    store, _ = build(name="older", seeds=2, events=False)
    assert main(["tensorboard", "--store", str(store), "--port", "65536"]) == 2
    assert "--port: must be 0 (any free one) to 65535, not 65536" in capsys.readouterr().err


@pytest.mark.slow
def test_a_port_that_is_taken_is_said(built):
    with socket.socket() as other:
        other.bind(("localhost", 0))
        other.listen()
        port = str(other.getsockname()[1])
        command = [sys.executable, "-m", "rl_transfer.cli", "tensorboard", "quick", "--store", built[0], "--port", port]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 2
    assert re.fullmatch(
        rf"rl-transfer: --port: .*port {port}.*; --port 0 takes any free one\n", ended.stderr, re.DOTALL
    )
    assert ended.stdout == ""


@pytest.mark.slow
def test_the_views_choose_runs(build):
    store, results = build(seeds=2, events=False)
    assert list(views(link_tensorboard(store, "quick"), "http://localhost:1/")) == [RUNS]
    found = views(write_tensorboard(store, results), "http://localhost:1/")
    assert list(found) == ["verdicts", "arms", "figures", "settings", RUNS]
    assert all(where.startswith("http://localhost:1/") and " " not in where for where in found.values())
    query = urllib.parse.parse_qs(urllib.parse.urlparse(found[RUNS]).query)
    assert re.match(query["runFilter"][0], "cartpole_heavy_pole/scratch/seed0")
    assert not re.match(query["runFilter"][0], "_sources/cartpole_heavy_pole/source/seed0")


def test_a_pair_is_chosen_by_its_very_name(tmp_path):
    (tmp_path / "cart.pole+").mkdir()
    (where,) = views(tmp_path, "http://localhost:1/").values()
    (chosen,) = urllib.parse.parse_qs(urllib.parse.urlparse(where).query)["runFilter"]
    assert re.match(chosen, "cart.pole+/scratch/seed0")
    assert not re.match(chosen, "cartxpole/scratch/seed0")


@pytest.mark.slow
def test_tensorboard_answers_with_the_numbers_of_the_study(built):
    store, results = built
    write_tensorboard(store, results)
    runs = {f"{pair}/{arm}/seed{seed}" for pair in PAIRS for arm in ARMS for seed in range(5)}
    summary = {"_study", *(f"_study/{arm}" for arm in ARMS)}
    sources = {f"_sources/{pair}/source/seed{seed}" for pair in PAIRS for seed in range(5)}
    with board(store, "quick") as tensorboard:
        assert tensorboard.wait_for_runs(runs | summary | sources) == runs | summary | sources
        assert tensorboard.get("runs")[0].startswith("_study")
        _scalars_are_the_curves(tensorboard, results)
        _bands_are_laid_out(tensorboard, results)
        _sessions_are_the_runs(tensorboard, results, runs)
        _texts_and_images_are_there(tensorboard, results)
        assert tensorboard.interrupt() == 0
        assert tensorboard.process.stderr.read() == ""


def _scores(results):
    """Of curves.csv: the scores by run and step."""
    found = defaultdict(dict)
    with results.curves_path.open() as file:
        for row in csv.DictReader(file):
            if row["score"]:
                found[f"{row['pair']}/{row['arm']}/seed{row['seed']}"][int(row["step"])] = float(row["score"])
    return found


def _scalars_are_the_curves(tensorboard, results):
    points = tensorboard.get("plugin/scalars/scalars", run=RUN, tag="eval/score")
    assert {step: score for _, step, score in points} == pytest.approx(_scores(results)[RUN], rel=1e-6)
    tags = tensorboard.get("plugin/scalars/tags")
    assert {tag for tag in tags[RUN] if tag.startswith("eval/")} == {"eval/score", "eval/mean_return"}
    assert set(tags["_sources/cartpole_reversed/source/seed0"]) == {"eval/mean_return"}


def _bands_are_laid_out(tensorboard, results):
    bands = tensorboard.get("plugin/custom_scalars/layout")["category"][0]
    assert [chart["title"] for chart in bands["chart"]] == list(PAIRS)
    (series,) = bands["chart"][1]["margin"]["series"]
    for arm in ARMS:
        lower, mean, upper = (
            tensorboard.get("plugin/scalars/scalars", run=f"_study/{arm}", tag=series[line])
            for line in ("lower", "value", "upper")
        )
        runs = [scores for run, scores in _scores(results).items() if run.startswith(f"cartpole_reversed/{arm}/")]
        assert len(runs) == 5
        for (_, step, value), low, high in zip(mean, lower, upper, strict=True):
            assert value == pytest.approx(sum(scores[step] for scores in runs) / 5, rel=1e-6)
            assert low[2] <= value <= high[2]


def _sessions_are_the_runs(tensorboard, results, runs):
    experiment = tensorboard.post("plugin/hparams/experiment", experimentName="")
    names = [info["name"] for info in experiment["hparamInfos"]]
    assert {"pair", "arm", "role", "seed", "methods", "learner.n_envs", "fine_tune.shrink"} <= set(names)
    assert set(names[:5]) == {"pair", "arm", "role", "seed", "methods"}
    metrics = [info["name"]["tag"] for info in experiment["metricInfos"]]
    assert {"summary/jumpstart", "summary/steps_to_threshold", "summary_costs/source_steps"} <= set(metrics)
    score = {"metric": {"tag": "summary/mean_score", "group": ""}, "order": "ORDER_DESC"}
    answer = tensorboard.post(
        "plugin/hparams/session_groups",
        startIndex=0,
        sliceSize=100,
        colParams=[score],
        allowedStatuses=["STATUS_SUCCESS"],
    )
    groups = answer["sessionGroups"]
    assert {group["sessions"][0]["name"] for group in groups} == runs
    sorted_by_it = [_mean_score(group) for group in groups]
    assert sorted_by_it == sorted(sorted_by_it, reverse=True)
    found = defaultdict(list)
    for group, value in zip(groups, sorted_by_it, strict=True):
        found[group["hparams"]["pair"], group["hparams"]["arm"]].append(value)
    for verdict in json.loads(results.verdicts_path.read_text()):
        arm, baseline = (found[verdict["pair"], verdict[side]] for side in ("arm", "baseline"))
        assert sum(arm) / 5 - sum(baseline) / 5 == pytest.approx(verdict["difference"], abs=1e-6)


def _mean_score(group):
    return next(value["value"] for value in group["metricValues"] if value["name"]["tag"] == "summary/mean_score")


def _texts_and_images_are_there(tensorboard, results):
    assert set(tensorboard.get("plugin/text/tags")["_study"]) == {
        "conclusions/verdicts",
        *(f"measures/{pair}" for pair in PAIRS),
    }
    (text,) = tensorboard.get("plugin/text/text", run="_study", tag="conclusions/verdicts")
    for verdict in json.loads(results.verdicts_path.read_text()):
        assert f">{verdict['difference']:+.3f}</td>" in text["text"]
    images = tensorboard.get("plugin/images/tags")["_study"]
    conclusions = {f"conclusions/{name}" for name in ("differences", "effects", "milestones")}
    assert set(images) == {*conclusions, *(f"curves/{pair}" for pair in PAIRS)}
    (image,) = tensorboard.get("plugin/images/images", run="_study", tag="conclusions/differences", sample="0")
    with urllib.request.urlopen(f"{tensorboard.address}data/plugin/images/individualImage?{image['query']}") as answer:
        assert answer.read().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_running_tensorboard_survives_a_rebuild_and_shows_it(build):
    late = "cartpole_reversed/fine_tune/seed1"
    small = {"pairs": {"cartpole_reversed": dict.fromkeys(ARMS, 300.0)}, "seeds": 2}
    store, _ = build(**small, left_out=(late,))
    link_tensorboard(store, "quick")
    with board(store, "quick") as tensorboard:
        tensorboard.wait_for_runs({"cartpole_reversed/fine_tune/seed0", "_sources/cartpole_reversed/source/seed0"})
        _, partly = build(**small, left_out=(late,))
        write_tensorboard(store, partly)
        tensorboard.wait_for_runs({"_study", "_study/fine_tune"})
        shown = "score/cartpole_reversed/mean"
        before = tensorboard.get("plugin/scalars/scalars", run="_study/fine_tune", tag=shown)
        _, whole = build(**small)
        write_tensorboard(store, whole)
        tensorboard.wait_for_runs({late, "_study/fine_tune", "cartpole_reversed/fine_tune/seed0"})
        mean = [
            sum(scores) / 2
            for scores in zip(*(run.score_T for run in whole.data.pairs[0].of_arm("fine_tune")), strict=True)
        ]
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            after = tensorboard.get(
                "plugin/scalars/scalars", run="_study/fine_tune", tag="score/cartpole_reversed/mean"
            )
            if after != before and len(after) == len(before):
                break
            time.sleep(0.5)
        assert [value for _, _, value in after] == pytest.approx(mean, rel=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which(PROGRAM) is None, reason=f"needs the browser {PROGRAM}")
def test_a_browser_shows_the_arms_and_the_charts(built):
    store, results = built
    folder = write_tensorboard(store, results)
    with board(store, "quick") as tensorboard, browser() as page:
        tensorboard.wait_for_runs({"_study", *(f"_study/{arm}" for arm in ARMS)})
        found = views(folder, tensorboard.address)
        page.open(found["arms"])
        page.wait_for(*PAIRS, *(f"_study/{arm}" for arm in ARMS), "pointwise 95 % bootstrap", "Matches (3)")
        page.open(found["verdicts"])
        page.wait_for(results.words["cartpole_reversed"]["fine_tune"])
        page.open(found["settings"])
        page.wait_for("fine_tune.placebo", "mean score", "PARALLEL COORDINATES VIEW")
        page.open(found[RUNS])
        page.wait_for("cartpole_heavy_pole/fine_tune.placebo/seed4", "eval 2 cards")
