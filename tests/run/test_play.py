"""Agents at play: films with the right pictures, the same ones from the same seed, and what can't be shown."""

import json
import resource
import subprocess
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from rl_transfer.api.playing import _folders
from rl_transfer.cli import main
from rl_transfer.errors import ConfigError, StoreError
from rl_transfer.run.film import check_film, check_window, write_film
from rl_transfer.run.panels import compose
from rl_transfer.run.play import View, load_players, play_episode
from rl_transfer.run.siblings import siblings
from rl_transfer.store import Store, find_run, read_spec
from rl_transfer.study import TaskConfig
from rl_transfer.tasks import make

pytest.importorskip("imageio_ffmpeg")


def read(file, height, width):
    """The pictures of a film, as numbers."""
    import imageio_ffmpeg

    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", file]
    raw = ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    content = subprocess.run([*program, *raw], capture_output=True, check=True).stdout
    return np.frombuffer(content, np.uint8).reshape(-1, height, width, 3)


def pictures(count=6, height=62, width=84):
    """A white column that walks to the right."""
    for place in range(count):
        picture = np.zeros((height, width, 3), np.uint8)
        picture[:, 12 * place : 12 * place + 12] = 255
        yield picture


@pytest.mark.parametrize("ending", [".mp4", ".gif"])
def test_a_film_has_every_picture_in_its_size(tmp_path, ending):
    file = tmp_path / f"film{ending}"
    assert write_film(file, pictures(), fps=10) == 6
    shown = read(file, 62, 84)
    assert len(shown) == 6
    for place, picture in enumerate(shown):
        assert picture[30, 12 * place + 6].min() > 200
        assert picture[30, (12 * place + 42) % 84].max() < 60
    assert list(tmp_path.iterdir()) == [file]


def test_a_film_that_was_stopped_leaves_nothing(tmp_path):
    def stopped():
        yield from pictures(2)
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_film(tmp_path / "film.mp4", stopped(), fps=10)
    assert list(tmp_path.iterdir()) == []


@contextmanager
def largest_file(size):
    """A disk that is full, for this process and those it starts."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(("ending", "size"), [(".mp4", 100), (".mp4", 1000), (".gif", 1000)])
def test_a_film_that_did_not_fit_is_an_error_and_leaves_nothing(tmp_path, ending, size):
    file = tmp_path / f"film{ending}"
    with largest_file(size), pytest.raises(StoreError, match=rf"film\{ending}: can't be written"):
        write_film(file, pictures(), fps=10)
    assert list(tmp_path.iterdir()) == []


def test_a_film_of_pictures_that_stay_the_same_is_whole(tmp_path):
    assert write_film(tmp_path / "film.gif", iter(list(pictures(1)) * 30), fps=30) == 30


@pytest.mark.parametrize("fps", ["0", "241", "100000"])
def test_a_speed_that_nobody_can_watch_is_refused(capsys, fps):
    assert main(["play", "some/run/seed0", "--fps", fps]) == 2
    assert f"--fps: must be from 1 to 240, not {fps}" in capsys.readouterr().err


def test_what_could_not_be_written_or_shown_is_said_beforehand(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"--video: must end in \.mp4 or \.gif, not in '\.avi'"):
        check_film(tmp_path / "film.avi", overwrite=False)
    with pytest.raises(ConfigError, match=r"--video: there is no folder .*nowhere: make it first"):
        check_film(tmp_path / "nowhere" / "film.mp4", overwrite=False)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "film.gif").write_text("mine")
    with pytest.raises(ConfigError, match=r"is there already.*--overwrite"):
        check_film(tmp_path / "film.gif", overwrite=False)
    check_film(tmp_path / "film.gif", overwrite=True)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(ConfigError, match=r"no display.*--video FILE\.mp4"):
        check_window()


def test_a_task_without_pictures_is_refused():
    with pytest.raises(ConfigError, match="can't be shown: it has no render mode 'rgb_array'"):
        make(TaskConfig(id="probes:Walk-v0"), render_mode="rgb_array")


def test_panels_are_labelled_and_those_that_are_over_are_dim():
    task = SimpleNamespace(id="Task-v0")
    one = SimpleNamespace(names=("a_pair_with_a_long_name" * 3, "fine_tune", 0), task=task, mapped=False, alone=True)
    white = np.full((100, 150, 3), 255, np.uint8)
    views = [View(white, 12.5, 3, over) for over in (False, True)]
    picture = compose([one] * 4, views * 2, "title")
    assert [side % 2 for side in picture.shape] == [0, 0, 1]
    height, width, _ = picture.shape
    middle = height // 2 - 60
    assert picture[middle, width // 4].min() == 255
    assert picture[middle, 3 * width // 4].max() < 200
    assert picture[30:90].max() > 200, "the label"


@pytest.fixture
def planned(tmp_path):
    """A store whose study has planned these runs of one seed; all have finished but the placebo."""
    arms = ("source", "scratch", "tune", "tune.placebo", "tune.sham")
    paths = {arm: f"runs/pair/{arm}/seed0-key{place}" for place, arm in enumerate(arms)}
    for arm, path in paths.items():
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "spec.json").write_text("{}")
        if arm != "tune.placebo":
            (tmp_path / path / "status.json").write_text('{"status": "finished"}')
    runs = [
        {"arm": arm, "seed": 0, "key": path[-4:], "path": path, "source_path": paths["source"]}
        for arm, path in paths.items()
        if arm != "source"
    ]
    folder = tmp_path / "studies" / "mine"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text(json.dumps({"pairs": {"pair": {"runs": runs}}}))
    return Store(tmp_path), {arm: tmp_path / path for arm, path in paths.items()}


def test_the_run_that_is_asked_for_is_among_its_siblings(planned):
    store, folders = planned
    expected = [folders[arm] for arm in ("source", "scratch", "tune", "tune.sham")]
    assert siblings(folders["tune.sham"], store) == (expected, [folders["tune.placebo"]])
    found, left_out = siblings(folders["tune.placebo"], store)
    assert folders["tune.placebo"] in found, "it was asked for: that it has not finished is an error"
    assert left_out == []


def test_siblings_that_are_left_out_are_named(planned):
    store, folders = planned
    said = []
    found = _folders(folders["tune"], ["siblings"], store, said.append)
    assert found == [folders[arm] for arm in ("source", "scratch", "tune")]
    assert said == ["left out, not finished: pair/tune.placebo/seed0-key3"]


@pytest.mark.slow
@pytest.mark.xdist_group("tiny")
def test_siblings_play_the_same_from_the_same_seed(tiny, tmp_path, capsys):
    store = Store(tiny[0] / "runs")
    folders, left_out = siblings(find_run("mine/fine_tune.placebo/seed1", store), store)
    assert left_out == []
    assert [folder.parent.name for folder in folders] == ["source", "scratch", "fine_tune", "fine_tune.placebo"]
    players = load_players(folders)
    assert all(player.task == read_spec(folders[1]).task for player in players)
    episode, again = (list(play_episode(players, seed=3)) for _ in range(2))
    for views, others in zip(episode, again, strict=True):
        for view, other in zip(views, others, strict=True):
            assert np.array_equal(view.picture, other.picture)
            assert (view.return_, view.step, view.over) == (other.return_, other.step, other.over)
    assert all(view.over for view in episode[-1])
    assert [view.return_ for view in episode[-1]] == [view.step for view in episode[-1]], "a point a step"
    file = tmp_path / "them.gif"
    command = ["play", "mine/fine_tune/seed1", "--compare", "siblings", "--video", str(file), "--seed", "3"]
    assert main([*command, "--fps", "5", "--store", str(store.root)]) == 0
    assert f"{len(episode) + 5} pictures" in capsys.readouterr().out
    broken = tmp_path / "broken.mp4"
    with largest_file(1000):
        assert main(["play", "mine/fine_tune/seed1", "--video", str(broken), "--store", str(store.root)]) == 2
    assert "broken.mp4: can't be written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [file]
    size = compose(players, episode[0], "").shape[:2]
    assert len(read(file, *size)) == len(episode) + 5
