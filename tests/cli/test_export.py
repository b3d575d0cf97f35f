"""The command export: a stored run's actor, found by path or name; what can't be exported is said in one line."""

import re

import numpy as np
import pytest
from builders import carry_out, learner, ppo, run_spec, tiny

from rl_transfer.cli import main
from rl_transfer.knowledge import Statistics, read_networks
from rl_transfer.store import read_json

OBSERVATIONS = np.linspace(-3, 3, 80, dtype=np.float32).reshape(40, 2)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with a normalising PPO, a DQN with a large buffer, and a run that was killed."""
    root = tmp_path_factory.mktemp("exports") / "runs"
    mine = root / "runs" / "mine"
    carry_out(run_spec(ppo(normalize=True)), mine / "scratch")
    carry_out(run_spec(tiny("dqn", buffer_size=500_000)), mine / "value")
    carry_out(run_spec(seed=4), mine / "scratch", stop_after_segment=1)
    return root


def run_of(store, arm="scratch", seed=0):
    (folder,) = (store / "runs" / "mine" / arm).glob(f"seed{seed}-*")
    return folder


def complaint(capsys, *arguments):
    assert main(["export", *map(str, arguments)]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    return error


def actions(file, batch):
    import onnxruntime

    return onnxruntime.InferenceSession(file).run(["action"], {"observation": batch})[0]


def expected(folder, config):
    agent = learner(config, seed=8)
    agent.load_networks(read_networks(folder / "agent" / "networks.safetensors"))
    if (folder / "agent" / "statistics.safetensors").exists():
        agent.load_statistics(Statistics.read(folder / "agent" / "statistics.safetensors"))
    chosen = agent.act(OBSERVATIONS, deterministic=True)
    agent.close()
    return chosen


@pytest.mark.parametrize(
    ("arm", "config"), [pytest.param("scratch", ppo(normalize=True), marks=pytest.mark.slow), ("value", tiny("dqn"))]
)
@pytest.mark.slow
def test_the_stored_agent_is_what_acts(store, tmp_path, capsys, arm, config):
    folder, file = run_of(store, arm), tmp_path / "actor.onnx"
    assert main(["export", str(folder), "--format", "onnx", "--output", str(file)]) == 0
    assert capsys.readouterr().out.strip().endswith("actor.onnx")
    chosen = expected(folder, config)
    assert set(chosen.tolist()) == {0, 1}
    assert actions(file, OBSERVATIONS).tolist() == chosen.tolist()


@pytest.mark.slow
def test_names_as_the_list_prints_them_and_files_beside_the_agent(store, monkeypatch, capsys):
    import onnx
    import torch

    monkeypatch.chdir(store.parent)
    folder = run_of(store)
    assert main(["export", "mine/scratch/seed0", "--format", "torch"]) == 0
    act = torch.export.load(folder / "agent" / "actor.pt2").module()
    assert act(torch.as_tensor(OBSERVATIONS)).tolist() == expected(folder, ppo(normalize=True)).tolist()
    assert main(["export", f"mine/scratch/{folder.name}", "--format", "onnx"]) == 0
    facts = {entry.key: entry.value for entry in onnx.load(folder / "agent" / "actor.onnx").metadata_props}
    key = read_json(folder / "spec.json")["key"]
    assert facts == {"algorithm": "ppo", "task": "probes:Walk-v0", "run": key, "normalised": "true"}
    assert [line.rpartition("/")[2] for line in capsys.readouterr().out.split()] == ["actor.pt2", "actor.onnx"]


@pytest.mark.slow
def test_another_file_is_not_overwritten_unless_asked(store, tmp_path, capsys):
    file = tmp_path / "actor.pt2"
    command = ["export", "mine/scratch/seed0", "--format", "torch", "--store", str(store), "--output", str(file)]
    assert main(command) == 0
    exported = file.read_bytes()
    assert main(command) == 0  # the same content again
    file.write_text("mine")
    capsys.readouterr()
    assert "--overwrite" in complaint(capsys, *command[1:])
    assert file.read_text() == "mine"
    assert main([*command, "--overwrite"]) == 0
    assert file.read_bytes() == exported
    capsys.readouterr()
    assert "is there already" in complaint(capsys, *command[1:-1], tmp_path, "--overwrite")


BAD = [
    ("mine/scratsh/seed0", r"no run is called 'mine/scratsh/seed0'; did you mean 'mine/scratch/seed0'"),
    ("mine/scratch/seed00", r"no run is called"),
    ("mine/scratch", r"no run is called"),
    ("mine/scratch/seed4", r"seed4-\w+: this run is not finished: 'rl-transfer run'"),
]


@pytest.mark.parametrize(("name", "message"), BAD, ids=[name for name, _ in BAD])
def test_a_run_that_is_not_there_or_not_finished_is_one_line(store, capsys, name, message):
    assert re.search(message, complaint(capsys, name, "--format", "onnx", "--store", store))


def test_an_unknown_format_is_exit_code_2(store, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["export", "mine/scratch/seed0", "--format", "tflite", "--store", str(store)])
    assert caught.value.code == 2
    assert "onnx" in capsys.readouterr().err


@pytest.mark.slow
def test_an_ambiguous_name_lists_the_runs(tmp_path, capsys):
    for n_steps in (16, 8):
        carry_out(run_spec(ppo(n_steps=n_steps)), tmp_path / "runs" / "mine" / "scratch", stop_after_segment=0)
    error = complaint(capsys, "mine/scratch/seed0", "--format", "onnx", "--store", tmp_path)
    assert re.search(r"could be mine/scratch/seed0-\w+ or mine/scratch/seed0-\w+: give one of them", error)


@pytest.mark.parametrize(
    ("file", "message"),
    [("networks", "left no agent"), ("statistics", "statistics that observations were normalised with are missing")],
)
def test_a_missing_part_of_the_agent_is_said(tmp_path, capsys, file, message):
    folder = carry_out(run_spec(ppo(normalize=True)), tmp_path)
    (folder / "agent" / f"{file}.safetensors").unlink()
    assert message in complaint(capsys, folder, "--format", "torch")
    assert not list((folder / "agent").glob("actor*"))
