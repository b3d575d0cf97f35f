"""The study in TensorBoard's files, read by TensorBoard's own reader."""

import csv
import json
import shlex
import shutil
import statistics
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from rl_transfer.errors import RLTransferError
from rl_transfer.report import link_tensorboard, tensorboard_command, write_tensorboard
from rl_transfer.report.tensorboard.settings import of_one_type
from rl_transfer.report.tensorboard.texts import plain, table

ARMS = ("scratch", "fine_tune", "fine_tune.placebo")
SMALL = {"pairs": {"cartpole_reversed": dict.fromkeys(ARMS, 300.0)}, "seeds": 2}


def read(folder: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0, "images": 0})
    return accumulator.Reload()


def scalars(folder: Path, tag: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in read(folder).Scalars(tag)]


def hparams(folder: Path, tag: str):
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    content = read(folder).SummaryMetadata(tag).plugin_data.content
    return HParamsPluginData.FromString(content)


@pytest.fixture(scope="module")
def written(built):
    """The folder of the default study, and its results; to be read only."""
    store, results = built
    return write_tensorboard(store, results), results


def curves_of(results, pair, arm, column):
    """What curves.csv says: one list a run, by seed."""
    runs: dict[int, list[float]] = {}
    with results.curves_path.open() as file:
        for row in csv.DictReader(file):
            if (row["pair"], row["arm"]) == (pair, arm):
                runs.setdefault(int(row["seed"]), []).append(float(row[column]))
    return runs


def test_the_tree_is_pair_arm_seed_and_the_rest_apart(written):
    folder, results = written
    assert folder.parts[-3:] == ("studies", "quick", "tensorboard")
    pairs = [pair.name for pair in results.data.pairs]
    assert sorted(path.name for path in folder.iterdir()) == ["_sources", "_study", *pairs]
    places = {path.relative_to(folder).as_posix() for path in folder.glob("*/*/seed*")}
    assert places == {f"{pair}/{arm}/seed{seed}" for pair in pairs for arm in ARMS for seed in range(5)}
    assert len(list(folder.glob("_sources/*/source/seed*"))) == 10
    links = [path for path in folder.rglob("*") if path.is_symlink()]
    assert len(links) == 40
    assert not any(link.readlink().is_absolute() or not link.exists() for link in links)


def test_means_and_their_bands_overlay_from_step_0(written):
    folder, results = written
    for pair in results.data.pairs:
        for arm in ARMS:
            file = folder / "_study" / arm
            runs = curves_of(results, pair.name, arm, "score")
            means = [statistics.fmean(scores) for scores in zip(*runs.values(), strict=True)]
            found = {line: scalars(file, f"score/{pair.name}/{line}") for line in ("mean", "lower", "upper")}
            for line in found.values():
                assert [step for step, _ in line] == list(pair.entry.grid)
            lower, mean, upper = (np.array(found[line])[:, 1] for line in ("lower", "mean", "upper"))
            assert mean.tolist() == pytest.approx(means, rel=1e-6)
            assert (lower <= mean).all() and (mean <= upper).all() and (lower < upper).any()
            assert lower.min() >= min(map(min, runs.values())) - 1e-6
            returns = curves_of(results, pair.name, arm, "return")
            mean_returns = [statistics.fmean(found) for found in zip(*returns.values(), strict=True)]
            assert [value for _, value in scalars(file, f"return/{pair.name}/mean")] == pytest.approx(mean_returns)


def test_a_run_has_its_events_its_score_and_its_results(written):
    folder, results = written
    run = folder / "cartpole_reversed/fine_tune/seed3"
    assert scalars(run, "eval/mean_return")[0] == (0, 0.0)
    scores = curves_of(results, "cartpole_reversed", "fine_tune", "score")[3]
    assert [value for _, value in scalars(run, "eval/score")] == pytest.approx(scores, rel=1e-6)
    jumpstart = scalars(run, "summary/jumpstart")
    assert jumpstart == [(20480, pytest.approx(scores[0], rel=1e-6))]
    assert scalars(run, "summary/mean_score")[0][1] == pytest.approx(np.trapezoid(scores, dx=0.1), rel=1e-6)
    assert scalars(run, "summary_costs/source_steps") == [(20480, 40960.0)]
    assert "summary/retained_return" not in read(run).Tags()["scalars"]


def test_each_run_is_a_session_of_the_experiment(written):
    folder, _ = written
    start = hparams(folder / "cartpole_reversed/fine_tune.placebo/seed3", "_hparams_/session_start_info")
    found = dict(start.session_start_info.hparams.items())
    assert {name: found[name].string_value for name in ("pair", "arm", "role", "methods", "fine_tune.roles")} == {
        "pair": "cartpole_reversed",
        "arm": "fine_tune.placebo",
        "role": "placebo",
        "methods": "fine_tune",
        "fine_tune.roles": '["value"]',
    }
    assert found["seed"].number_value == 3 and found["fine_tune.shrink"].number_value == 1.0
    assert found["learner.n_envs"].number_value == 8
    assert found["learner.normalize.reward"].HasField("bool_value")
    end = hparams(folder / "cartpole_reversed/scratch/seed0", "_hparams_/session_end_info").session_end_info
    began = hparams(folder / "cartpole_reversed/scratch/seed0", "_hparams_/session_start_info").session_start_info
    assert end.status == 1
    assert end.end_time_secs - began.start_time_secs == pytest.approx(11.5)
    experiment = hparams(folder / "_study", "_hparams_/experiment").experiment
    differ = {info.name for info in experiment.hparam_infos if info.differs}
    assert differ == {"pair", "arm", "role", "seed", "methods"}
    assert [metric.display_name for metric in experiment.metric_infos][:2] == ["mean score", "jumpstart"]


@pytest.mark.slow
def test_a_failed_run_is_a_failed_session_and_scores_on(build):
    store, results = build(**SMALL, outcomes={"cartpole_reversed/fine_tune/seed1": "diverged"})
    folder = write_tensorboard(store, results)
    run = folder / "cartpole_reversed/fine_tune/seed1"
    assert hparams(run, "_hparams_/session_end_info").session_end_info.status == 2
    assert len(scalars(run, "eval/score")) == 11 and scalars(run, "eval/score")[-1] == (20480, 0.0)
    (text,) = read(folder / "_study").Tensors("conclusions/failed and missing runs")
    assert "diverged | weights are not finite" in text.tensor_proto.string_val[0].decode()


def test_settings_of_several_types_become_text():
    assert of_one_type([{"rate": 0.5, "on": True}, {"rate": "none", "on": False}, {"rate": True}]) == [
        {"rate": "0.5", "on": True},
        {"rate": "none", "on": False},
        {"rate": "true"},
    ]


def test_the_layout_has_one_chart_a_pair_of_tags_that_exist(written):
    from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

    folder, results = written
    (event,) = read(folder / "_study").Tensors("custom_scalars__config__")
    bands, every = Layout.FromString(event.tensor_proto.string_val[0]).category
    assert [chart.title for chart in bands.chart] == [pair.name for pair in results.data.pairs]
    assert "pointwise" in bands.title
    tags = set(read(folder / "_study/scratch").Tags()["scalars"])
    for chart in bands.chart:
        (series,) = chart.margin.series
        assert {series.value, series.lower, series.upper} <= tags
    assert every.chart[0].multiline.tag == ["^eval/score$"]


def test_verdicts_and_tables_are_texts(written):
    folder, results = written
    (event,) = read(folder / "_study").Tensors("conclusions/verdicts")
    text = event.tensor_proto.string_val[0].decode()
    assert text.count("\n| cartpole_") == len(results.comparisons)
    for verdict in json.loads(results.verdicts_path.read_text()):
        assert f"| {verdict['difference']:+.3f} |" in text
    assert results.words["cartpole_reversed"]["fine_tune"] in text
    (event,) = read(folder / "_study").Tensors("measures/cartpole_reversed")
    assert "| fine_tune.placebo | 5 of 5 |" in event.tensor_proto.string_val[0].decode()


@pytest.mark.slow
def test_what_was_carried_is_a_text(build):
    store, results = build(**SMALL)
    run = results.data.pairs[0].of_arm("fine_tune")[0]
    columns = "role,tensor,fate,source_shape,target_shape,share,remark"
    (store / run.path / "transfer.csv").write_text(f"{columns}\nvalue_head,a|b,copied,2,2,1,<script>\n")
    study = read(write_tensorboard(store, results) / "_study")
    (event,) = study.Tensors("transferred/cartpole_reversed: fine_tune, seed 0")
    text = event.tensor_proto.string_val[0].decode()
    assert text.endswith("| value_head | a\\|b | copied | 2 | 2 | 1 | &lt;script> |")


def test_figures_are_images(written):
    from matplotlib.image import imread

    study = read(written[0] / "_study")
    pairs = ("cartpole_heavy_pole", "cartpole_reversed")
    conclusions = {f"conclusions/{name}" for name in ("differences", "effects", "milestones")}
    assert set(study.Tags()["images"]) == {*conclusions, *(f"curves/{pair}" for pair in pairs)}
    for tag in study.Tags()["images"]:
        (image,) = study.Images(tag)
        pixels = imread(BytesIO(image.encoded_image_string))
        assert pixels.shape[:2] == (image.height, image.width)
        assert pixels.std() > 0.05


@pytest.mark.slow
def test_the_same_study_gives_the_same_files(written, built):
    def files(folder):
        return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    before = files(written[0])
    assert files(write_tensorboard(*built)) == before


def test_links_survive_moving_the_store(written, built, tmp_path):
    folder = written[0].relative_to(built[0])
    moved = shutil.copytree(built[0], tmp_path / "elsewhere", symlinks=True)
    assert scalars(Path(moved) / folder / "cartpole_reversed" / "scratch" / "seed0", "eval/mean_return")
    assert scalars(Path(moved) / folder / "_sources/cartpole_reversed/source/seed0", "eval/mean_return")


@pytest.mark.slow
def test_a_study_is_shown_while_it_runs(build):
    left_out = "cartpole_reversed/fine_tune.placebo/seed1"
    store, results = build(**SMALL, left_out=(left_out,))
    for folder in (link_tensorboard(store, "quick"), write_tensorboard(store, results)):
        place = folder / left_out
        assert place.is_symlink() and not place.exists()
        assert scalars(folder / "_sources/cartpole_reversed/source/seed0", "eval/mean_return")
        assert scalars(folder / "cartpole_reversed/scratch/seed0", "eval/mean_return")
        events = (place.parent / place.readlink()).resolve()
        shutil.copytree(folder / "_sources/cartpole_reversed/source/seed0", events)
        assert scalars(place, "eval/mean_return")
        shutil.rmtree(events)


@pytest.mark.slow
def test_runs_without_events_have_their_scores(build):
    store, results = build(**SMALL, events=False)
    folder = write_tensorboard(store, results)
    assert scalars(folder / "cartpole_reversed/scratch/seed0", "eval/score")
    assert scalars(folder / "_study" / "scratch", "score/cartpole_reversed/mean")


@pytest.mark.slow
def test_rewriting_replaces_and_spares_the_runs(build):
    store, results = build(seeds=2)
    write_tensorboard(store, results)
    _, fewer = build(**SMALL)
    folder = write_tensorboard(store, fewer)
    assert sorted(path.name for path in folder.iterdir()) == ["_sources", "_study", "cartpole_reversed"]
    assert sorted(path.name for path in folder.parent.iterdir()) == [
        "curves.csv",
        "study.json",
        "tensorboard",
        "verdicts.json",
    ]
    assert len(list(store.glob("runs/cartpole_heavy_pole/*/seed*/events/*"))) == 8


def test_names_can_not_leave_the_folder(build):
    store, results = build(seeds=2, events=False)
    elsewhere = replace(results.data.pairs[0], name="../../elsewhere")
    hostile = replace(results, data=replace(results.data, pairs=(elsewhere,)))
    with pytest.raises(RLTransferError, match="folder"):
        write_tensorboard(store, hostile)
    manifest = store / "studies/quick/study.json"
    manifest.write_text(manifest.read_text().replace('"cartpole_reversed": {', '"../../elsewhere": {'))
    with pytest.raises(RLTransferError, match="folder"):
        link_tensorboard(store, "quick")
    assert sorted(path.name for path in store.rglob("*elsewhere*")) == []
    assert not list(store.glob("studies/quick/*tensorboard*"))


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)>"),
        ("a | b\n| c", r"a \| b \| c"),
        ("[x](javascript:y) `z` *w*", r"\[x\](javascript:y) \`z\` \*w\*"),
        ("&lt;b>", "&amp;lt;b>"),
        ("_a_ b_c __d__", r"\_a\_ b_c \_\_d\_\_"),
    ],
)
def test_hostile_texts_have_no_meaning(text, safe):
    assert plain(text) == safe
    assert table(["a"], [[text]]).splitlines()[-1] == f"| {safe} |"


def test_the_command_can_be_pasted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(tensorboard_command(tmp_path / "elsewhere" / "my runs", "quick"))
    assert words[1:] == ["tensorboard", "quick", "--store", "elsewhere/my runs"]
    assert shlex.split(tensorboard_command(Path("runs"), "quick"))[1:] == ["tensorboard", "quick"]
