"""The script that repeats a published table: its ratio, its protocol in episodes, its runs."""

from dataclasses import replace

import numpy as np
import published_run
import published_table
import pytest
from filelock import FileLock
from published_run import PROTOCOLS, Cell, EpisodicRun

from rl_transfer.errors import RLTransferError, StoreError
from rl_transfer.knowledge import read_knowledge
from rl_transfer.stats import ratio_interval
from rl_transfer.store import read_json
from rl_transfer.tasks import make

SCRATCH = Cell(0.5, "scratch", 3)


def shortened(name="described", **changes):
    """A protocol of few episodes; CartPole never falls within eight steps, so these have exactly eight."""
    return replace(PROTOCOLS[name], **{"episodes": 4, "max_episode_steps": 8, "evaluation_episodes": 2} | changes)


@pytest.fixture
def trained():
    """Trains by a protocol; what it made is closed afterwards."""
    made = []

    def train(protocol, cell=SCRATCH, before=lambda run: None):
        made.append(EpisodicRun(protocol, cell))
        before(made[-1])
        made[-1].train()
        return made[-1]

    yield train
    for run in made:
        run.learner.close()


def test_the_ratio_is_that_of_the_mean_areas():
    assert published_table.area_ratio([50.0, 70.0], [100.0, 140.0]) == 0.5
    assert published_table.area_ratio([150.0], [100.0]) == -0.5
    # The mean of the runs' own ratios would be 0.
    assert published_table.area_ratio([100.0, 100.0], [50.0, 200.0]) == pytest.approx(0.2)


def test_the_interval_is_that_of_the_ratio_turned_round():
    scratch, arm = [80.0, 95.0, 70.0, 88.0, 76.0, 91.0], [110.0, 130.0, 99.0, 121.0, 140.0, 105.0]
    low, high = published_table.area_ratio_interval(scratch, arm)
    turned = ratio_interval(scratch, arm, level=0.05)
    assert (low, high) == (1 - turned.high, 1 - turned.low)
    assert low < published_table.area_ratio(scratch, arm) < high


def test_what_five_repetitions_would_give():
    generator = np.random.default_rng(2)
    scratch, arm = generator.normal(80, 10, 10), generator.normal(110, 10, 10)
    low, high = published_table.spread_of_five(scratch, arm)
    # Five of each: the delta method's standard deviation, to a tenth.
    ratio = scratch.mean() / arm.mean()
    sd = ratio * np.hypot(scratch.std() / scratch.mean(), arm.std() / arm.mean()) / np.sqrt(5)
    assert low < 1 - ratio < high and high - low == pytest.approx(2 * 1.96 * sd, rel=0.1)


def test_a_ratio_of_too_few_runs_is_unbounded():
    assert published_table.area_ratio_interval([50.0, 51.0, 52.0], [100.0, 101.0, 102.0]) == (-np.inf, 1.0)


def test_both_protocols_have_the_published_numbers():
    for protocol in PROTOCOLS.values():
        assert (protocol.episodes, protocol.target_every, protocol.evaluate_every) == (200, 10, 2)
        assert protocol.evaluation_episodes == 10
        env = make(published_run.task(0.8, protocol))
        assert env.spec.max_episode_steps == 200 and env.unwrapped.length == 0.8
        env.close()
    learner = published_run.learner_config()
    assert (learner.net_arch, learner.learning_rate, learner.batch_size) == ((32, 32), 1e-3, 32)
    assert (learner.buffer_size, learner.gamma) == (10_000, 0.99)


def test_epsilon_falls_with_episodes_or_with_actions():
    described, code = PROTOCOLS["described"], PROTOCOLS["code"]
    assert described.epsilon(0, 0) == described.epsilon(0, 150) == 0.9
    assert described.epsilon(10, 999) == pytest.approx(0.9 * 0.995**10)
    assert described.epsilon(200, 9999) == pytest.approx(0.33, abs=0.005)
    assert code.epsilon(0, 0) == code.epsilon(7, 0) == pytest.approx(0.9 * 0.995)
    assert code.epsilon(0, 99) == pytest.approx(0.9 * 0.995**100)
    assert code.epsilon(3, 900) == 0.01


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_learner_acts_with_that_epsilon(name, trained):
    seen = []

    def spy(run):
        model = run.learner._model
        sample = model._sample_action
        model._sample_action = lambda *given, **named: (seen.append(model.exploration_rate), sample(*given, **named))[1]

    protocol = shortened(name)
    trained(protocol, before=spy)
    assert seen == [protocol.epsilon(step // 8, step) for step in range(32)]


def test_a_run_has_exactly_its_episodes_none_above_the_cap(trained):
    run = trained(shortened(episodes=6))
    assert run.episodes == 6 and run.meter.steps == 6 * 8
    assert run.returns_TE == [[8.0, 8.0]] * 4  # before the first episode and after every second
    assert run.learner.gradient_steps == 48


def test_the_target_network_follows_at_its_episodes_only(trained):
    def equal(run):
        policy = run.learner._model.policy
        pairs = zip(policy.q_net.parameters(), policy.q_net_target.parameters(), strict=True)
        return all(bool((ours == theirs).all()) for ours, theirs in pairs)

    assert trained(shortened(target_every=2)).follows == [2, 4]
    assert trained(shortened("code", target_every=2)).follows == [1, 3]
    assert equal(trained(shortened(target_every=2)))
    assert not equal(trained(shortened(target_every=2, episodes=3, evaluate_every=3)))


def test_from_scratch_twice_byte_for_byte(tmp_path):
    for place in ("a", "b"):
        published_run.carry_out(shortened(max_episode_steps=200), SCRATCH, tmp_path / place)
    first, second = (SCRATCH.folder(tmp_path / place) for place in ("a", "b"))
    for file in ("curve.csv", "agent/networks.safetensors", "agent/experience.npz"):
        assert (first / file).read_bytes() == (second / file).read_bytes()
    published_run.carry_out(shortened(max_episode_steps=200), replace(SCRATCH, seed=4), tmp_path / "a")
    other = replace(SCRATCH, seed=4).folder(tmp_path / "a") / "curve.csv"
    assert other.read_bytes() != (first / "curve.csv").read_bytes()


def test_what_an_arm_starts_with(tmp_path):
    protocol = shortened()
    source = Cell(0.8, "scratch", 3)
    published_run.carry_out(protocol, source, tmp_path)
    left = read_knowledge(source.folder(tmp_path) / "agent", frozenset({"networks"}), algorithm="dqn").networks

    def start(arm):
        run = EpisodicRun(protocol, Cell(0.5, arm, 3))
        if arm != "scratch":
            published_run._transfer(run, Cell(0.5, arm, 3), source, protocol, tmp_path)
        run.learner.close()
        return run.learner.networks(), run.learner.carried_transitions

    fresh = start("scratch")[0]
    given = {"buffer": (0, 0, 32), "model": (1, 1, 0), "both": (1, 1, 32), "model_new_head": (1, 0, 0)}
    for arm, (body, head, transitions) in given.items():
        networks, carried = start(arm)
        assert carried == transitions
        for role, from_source in (("value_body", body), ("value_head", head)):
            expected = left if from_source else fresh
            for name, array in networks[role].items():
                np.testing.assert_array_equal(array, expected[role][name])


def test_greedy_transitions_are_the_agents_own_in_random_order(trained):
    run = trained(shortened())
    found = published_run.greedy_transitions(run.learner, run.task, seed=1, count=60)
    assert len(found) == 60 and found.action_N.shape == (60, 1)
    np.testing.assert_array_equal(found.action_N[:, 0], run.learner.act(found.observation_N, deterministic=True))
    assert found.truncated_N.sum() == 60 // 8 and not found.terminated_N.any()
    follows = (found.observation_N[1:] == found.next_observation_N[:-1]).all(axis=1)
    assert follows.sum() < 20


@pytest.mark.slow
def test_the_script_trains_what_is_missing_and_prints_the_table(tmp_path, monkeypatch, capsys):
    main = published_table.main
    monkeypatch.setitem(PROTOCOLS, "described", shortened(episodes=2))
    arguments = ["--runs", str(tmp_path), "--seeds", "2", "--arms", "model"]
    assert main([*arguments, "--minutes", "0"]) == 1
    assert "runs are missing" in capsys.readouterr().err
    assert main([*arguments, "--figure", str(tmp_path / "curves.png")]) == 0
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "| 0.5 | model | 0.36 | 0.00 | -inf to 1.00 |  |  | 8 (8) |" in printed
    monkeypatch.setattr(published_table, "carry_out", None)
    assert main(arguments) == 0
    assert [line for line in printed.splitlines() if line.startswith("|")] == capsys.readouterr().out.splitlines()
    assert read_json(Cell(0.8, "model", 1).folder(tmp_path / "described") / "run.json")["steps"] == 16


def test_a_run_that_another_program_is_at_is_left_to_it(tmp_path, monkeypatch):
    monkeypatch.setitem(PROTOCOLS, "described", shortened(episodes=2))
    folder = tmp_path / "described" / "0.5-scratch" / "seed-00"
    folder.mkdir(parents=True)
    arguments = ["--runs", str(tmp_path), "--seeds", "1", "--arms", "model"]
    with FileLock(folder / ".lock"):
        assert published_table.main(arguments) == 1
    done = {file.parts[-3] for file in tmp_path.glob("**/run.json")}
    assert done == {"0.8-scratch", "0.5-model"}  # the other target's source is missing
    assert published_table.main(arguments) == 0


def test_a_table_goes_between_its_marks():
    document = "before\n<!-- table: code -->\nold\n<!-- end: code -->\nafter\n"
    new = published_table.insert("| new |", "code", document)
    assert new == "before\n<!-- table: code -->\n\n| new |\n\n<!-- end: code -->\nafter\n"
    assert published_table.insert("| new |", "code", new) == new
    with pytest.raises(RLTransferError, match="described"):
        published_table.insert("| new |", "described", document)


def test_runs_of_another_protocol_are_refused(tmp_path):
    protocol = shortened(episodes=2)
    published_run.carry_out(protocol, SCRATCH, tmp_path)
    assert published_run.is_finished(protocol, SCRATCH, tmp_path)
    with pytest.raises(StoreError, match="another protocol"):
        published_run.is_finished(shortened(), SCRATCH, tmp_path)
    with pytest.raises(RLTransferError, match="model_new_head"):
        published_table.main(["--arms", "modle"])
