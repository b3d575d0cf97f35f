"""Removing from a store: only inside it, never what somebody needs or is training."""

import json
import os

import pytest
from filelock import FileLock

from rl_transfer.cli import main
from rl_transfer.errors import ConfigError, StoreError
from rl_transfer.store import (
    Store,
    find_run,
    garbage,
    matching_runs,
    refuse_needed,
    remove,
    run_name,
    users,
    write_json,
)


class Shelf:
    """A store whose runs have the files that removing looks at."""

    def __init__(self, root):
        self.store = Store(root)
        self.store.open()
        self.folders = {}

    def run(self, arm, number, *, finished=True, imported=None):
        key = f"{number:012x}"
        folder = self.store.run_folder("pair", arm, number, key)
        write_json(folder / "spec.json", {"key": key, "spec": {"imported": imported}})
        if finished:
            write_json(folder / "status.json", {"status": "finished", "outcome": "completed"})
        os.utime(folder / "spec.json", (0, 0))
        self.folders[arm] = folder
        return folder

    def study(self, name, *arms, finished=True, source=None):
        runs = [{"arm": arm, "key": self.folders[arm].name.rpartition("-")[2]} for arm in arms]
        if source:
            runs[0]["source_path"] = self.store.relative(self.folders[source])
        pairs = {"pair": {"runs": runs, "score": {"random": 0.0, "reference": 1.0, "worst": 0.0}}}
        write_json(self.store.study(name) / "study.json", {"pairs": pairs})
        if finished:
            write_json(self.store.study(name) / "verdicts.json", [])


@pytest.fixture
def shelf(tmp_path):
    """Study "done" needs arm, its source and late, which it left; "open" needs scratch and begun; nobody the rest."""
    shelf = Shelf(tmp_path / "runs")
    for number, arm in enumerate(("source", "arm", "scratch", "unused")):
        shelf.run(arm, number)
    for number, arm in enumerate(("late", "begun", "forgotten"), start=4):
        shelf.run(arm, number, finished=False)
    shelf.run("theirs", 7, imported={"file": "theirs.zip"})
    shelf.study("done", "arm", "scratch", "late", source="source")
    shelf.study("open", "scratch", "begun", finished=False)
    return shelf


def arms(found):
    return {one.folder.parent.name: one.reason for one in found}


def test_garbage_is_what_nobody_needs(shelf):
    found = garbage(shelf.store)
    assert arms(found) == {
        "unused": "no study needs it",
        "forgotten": "unfinished, no study needs it",
        "late": "unfinished, not needed for the verdicts of done",
    }
    assert all(one.size > 0 for one in found)
    with FileLock(shelf.store.lock(f"{6:012x}")):
        assert "forgotten" not in arms(garbage(shelf.store))
    (shelf.folders["late"] / "status.json").write_text("{")  # damaged: it has ended all the same
    assert "late" not in arms(garbage(shelf.store))
    os.utime(shelf.folders["forgotten"] / "spec.json")  # somebody has just planned it
    assert "forgotten" not in arms(garbage(shelf.store))


def test_a_selection_needs_its_runs(shelf):
    identity = {"runs": {"pair/unused/seed3": f"{3:012x}"}}
    write_json(shelf.store.root / "selections" / "which" / "selection.json", {"selection": {"identity": identity}})
    assert "unused" not in arms(garbage(shelf.store))
    with pytest.raises(ConfigError, match="selection which could not be judged again"):
        refuse_needed(shelf.store, [shelf.folders["unused"]])


def test_nothing_is_garbage_where_a_study_can_t_be_read(shelf):
    for content in ("{}", "{"):
        (shelf.store.study("open") / "study.json").write_text(content)
        with pytest.raises(
            StoreError, match=r"open/study\.json: no study of this release.*repair it, or move its folder"
        ):
            garbage(shelf.store)


def test_what_finished_studies_need_is_refused(shelf):
    for arm in ("arm", "source", "scratch", "late"):
        with pytest.raises(ConfigError, match=r"study done could not be judged again.*--force"):
            refuse_needed(shelf.store, [shelf.folders[arm]])
    refuse_needed(shelf.store, [shelf.folders["begun"], shelf.folders["unused"]])


def test_removed_runs_are_gone_and_empty_folders_with_them(shelf):
    remove(shelf.store, [shelf.folders["unused"]])
    assert not shelf.folders["unused"].parent.exists()
    assert len(shelf.store.index()) == 7
    assert sorted(path.name for path in shelf.store.root.iterdir()) == ["locks", "runs", "store.json", "studies"]


def test_a_removal_that_was_stopped_is_gone_on_with(shelf):
    remains = shelf.store.root / "removed" / "abc"
    write_json(remains / "spec.json", {})
    (one,) = [one for one in garbage(shelf.store) if one.folder == remains]
    assert one.reason == "left by a removal that was stopped"
    remove(shelf.store, [remains])
    assert not remains.parent.exists()


def test_nothing_outside_the_store_is_touched(shelf, tmp_path):
    outside = tmp_path / "outside"
    write_json(outside / "spec.json", {"key": "x", "spec": {}})
    link = shelf.store.runs / "pair" / "linked" / "seed1-00000000000f"
    link.parent.mkdir()
    link.symlink_to(outside)
    for folder in (outside, link, shelf.store.root, shelf.store.root / ".." / "outside"):
        with pytest.raises(ConfigError, match="lies outside the store"):
            remove(shelf.store, [shelf.folders["unused"], folder])
    assert (outside / "spec.json").is_file()
    assert shelf.folders["unused"].is_dir()


def test_runs_being_trained_and_stores_at_work_are_left_alone(shelf):
    folder = shelf.folders["forgotten"]
    with FileLock(shelf.store.lock(f"{6:012x}")), pytest.raises(StoreError, match="is being trained now"):
        remove(shelf.store, [folder])
    with shelf.store.at_work():
        assert shelf.store.programs_at_work() == 1
        with pytest.raises(StoreError, match="1 program carries out runs in this store now"):
            remove(shelf.store, [folder])
    assert shelf.store.programs_at_work() == 0
    remove(shelf.store, [folder])


def test_patterns_of_names(shelf):
    def found(pattern):
        return sorted(run_name(shelf.store, folder).split("/")[1] for folder in matching_runs(shelf.store, pattern))

    assert found("pair/arm") == found("pair/arm/seed1") == found("*/arm") == ["arm"]
    assert found("pair") == found(None) == sorted(shelf.folders)
    assert found("other*") == []
    assert find_run("pair/arm/seed1", shelf.store) == shelf.folders["arm"]


def test_what_a_study_needs_by_now_stays(shelf):
    def finished():
        shelf.study("new", "unused")
        refuse_needed(shelf.store, [shelf.folders["unused"]])

    with pytest.raises(ConfigError, match="study new could not be judged again"):
        remove(shelf.store, [shelf.folders["unused"]], finished)
    found = [one.folder for one in garbage(shelf.store)]
    assert remove(shelf.store, [shelf.folders["unused"], *found], lambda: found) == found
    assert shelf.folders["unused"].is_dir()


@pytest.mark.parametrize(
    ("command", "answer", "code"),
    [
        (["rm", "pair/unused/seed3"], "study new could not be judged again without it", 2),
        (["rm", "--study", "other"], "1 run that others need by now stay", 0),
    ],
)
def test_a_study_that_ends_while_the_question_is_open_keeps_its_runs(shelf, capsys, monkeypatch, command, answer, code):
    shelf.study("other", "unused", finished=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: shelf.study("new", "unused") or "y")
    assert main([*command, "--store", str(shelf.store.root)]) == code
    out, error = capsys.readouterr()
    assert answer in out + error
    assert shelf.folders["unused"].is_dir()


def test_a_locked_run_is_left_alone_whatever_its_path(shelf, tmp_path, capsys):
    (tmp_path / "alias").symlink_to(shelf.store.root)
    folder = tmp_path / "alias" / shelf.store.relative(shelf.folders["forgotten"])
    for root in (shelf.store.root, tmp_path / "alias"):
        for path in (folder, shelf.folders["forgotten"]):
            with FileLock(shelf.store.lock(f"{6:012x}")):
                with pytest.raises(StoreError, match="is being trained now"):
                    remove(Store(root), [path])
                assert main(["rm", str(path), "--yes", "--store", str(root)]) == 2
                assert "is being trained now" in capsys.readouterr().err
    assert main(["rm", str(folder), "--yes", "--store", str(shelf.store.root)]) == 0
    assert not shelf.folders["forgotten"].parent.exists()


def test_the_lock_files_of_removed_runs_go_with_them(shelf):
    with FileLock(shelf.store.lock(f"{3:012x}")), FileLock(shelf.store.lock("done")):
        pass
    remove(shelf.store, [shelf.folders["unused"], shelf.store.study("done")])
    assert {lock.name for lock in shelf.store.root.glob("locks/*")} == {"done.lock", "folders.lock"}


@pytest.mark.parametrize("command", [["runs"], ["gc"], ["show", "pair/arm/seed1"], ["rm", "pair/arm/seed1", "--yes"]])
def test_a_store_that_is_none_is_refused(shelf, capsys, command):
    assert main([*command, "--store", str(shelf.store.root.with_name("run"))]) == 2
    assert "run: is no store of runs: give one by --store FOLDER" in (said := capsys.readouterr().err)
    assert "did you mean 'runs'?" in said


def test_commands(shelf, capsys, monkeypatch):
    root = ["--store", str(shelf.store.root)]

    def said(*command, code=0):
        assert main([*command, *root]) == code
        out, error = capsys.readouterr()
        return out + error

    assert "no terminal to ask on: give --yes to remove" in said("rm", "pair/unused/seed3", code=2)
    assert "leave --force out" in said("rm", "--study", "done", "--force", "--yes", code=2)
    assert "give either RUNs or --study NAME" in said("rm", code=2)
    assert "did you mean 'pair/unused/seed3'" in said("rm", "pair/unusd/seed3", "--yes", code=2)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: "n")
    assert said("rm", "pair/unused/seed3", code=1).endswith("nothing was removed\n")
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert "removed 1 folder" in said("rm", "pair/unused/seed3")
    assert "--force" in said("rm", "pair/arm/seed1", "--yes", code=2)
    assert "nothing was removed: gc --yes removes it" in said("gc")
    assert "removed" in said("gc", "--yes")
    assert "nothing to remove" in said("gc")
    assert "did you mean 'done'" in said("rm", "--study", "don", "--yes", code=2)
    assert "1 run that others need or that were imported stay" in said("rm", "--study", "done", "--yes")
    assert sorted(folder.parent.name for folder in shelf.store.index().values()) == ["begun", "scratch", "theirs"]
    assert [user.name for user in users(shelf.store)] == ["open"]
    assert json.loads(shelf.store.root.joinpath("store.json").read_text())
