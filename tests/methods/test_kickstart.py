"""Kickstarting: its cross-entropies by hand and against torch, its weight, and what it makes of a learner."""

from itertools import product

import numpy as np
import pytest
import torch
from builders import (
    BOX_WALK,
    Oracle,
    arm_spec,
    carry_out,
    dqn,
    learner,
    outputs,
    ppo,
    run_spec,
    source_spec,
    tiny,
    train,
)
from torch.distributions import Normal, kl_divergence

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Anchors, Categorical, Deterministic, Gaussian, Knowledge
from rl_transfer.methods import build_methods
from rl_transfer.methods.kickstart import Weight, cross_entropy
from rl_transfer.store import read_json
from rl_transfer.study import Named
from rl_transfer.tasks import Episode, Meter

SEEN = np.random.default_rng(3).normal(size=(50, 2)).astype(np.float32)


def method(algorithm="ppo", **settings):
    return build_methods([Named(name="kickstart", settings=settings)], algorithm)[0]


def attach(agent, teacher, anchors=None, **settings):
    knowledge = Knowledge(teacher=teacher, anchors=anchors)
    method(agent.algorithm, **settings).attach(agent, knowledge, np.random.default_rng(0))


def gaussian(mean, std, squashed=False):
    mean, std = np.atleast_2d(np.asarray(mean, float)), np.atleast_2d(np.asarray(std, float))
    return Gaussian(mean, np.log(std), squashed)


def test_two_alternatives_by_hand():
    teacher, student = Categorical(np.log([[0.75, 0.25]]) + 3, (2,)), Categorical(np.zeros((1, 2)), (2,))
    loss, gradient = cross_entropy(teacher, student, teacher_std=1.0)
    assert loss == pytest.approx(np.log(2))
    assert gradient.logits_BK == pytest.approx(np.array([[-0.25, 0.25]]))


def test_a_gaussian_by_hand():
    loss, gradient = cross_entropy(gaussian(1, 2), gaussian(0, 1), teacher_std=9.0)
    assert loss == pytest.approx(0.5 * np.log(2 * np.pi) + 0.5 * (1 + 4))
    assert gradient.mean_BD == pytest.approx(np.array([[-1.0]]))
    assert gradient.log_std_BD == pytest.approx(np.array([[1.0 - 5.0]]))


def test_actions_by_hand():
    loss, gradient = cross_entropy(
        Deterministic(np.array([[0.5, 0.0]])), Deterministic(np.array([[0.0, 0.2]])), teacher_std=1.0
    )
    assert loss == pytest.approx(0.5 * (0.25 + 0.04))
    assert gradient.action_BD == pytest.approx(np.array([[-0.5, 0.2]]))


def test_alternatives_against_torch():
    rng = np.random.default_rng(0)
    theirs, ours = rng.normal(size=(2, 6, 5))
    loss, gradient = cross_entropy(Categorical(theirs, (3, 2)), Categorical(ours, (3, 2)), teacher_std=1.0)
    logits = torch.tensor(ours, requires_grad=True)
    total = 0.0
    for ours_, theirs_ in zip(logits.split([3, 2], 1), torch.tensor(theirs).split([3, 2], 1), strict=True):
        total = total - (theirs_.softmax(1) * ours_.log_softmax(1)).sum(1).mean()
    assert loss == pytest.approx(total.item())
    assert gradient.logits_BK == pytest.approx(torch.autograd.grad(total, logits)[0].numpy())


@pytest.mark.parametrize("squashed", [False, True])
def test_gaussians_against_torch(squashed):
    rng = np.random.default_rng(0)
    arrays = rng.normal(size=(4, 6, 3))
    teacher, student = Gaussian(arrays[0], arrays[1], squashed), Gaussian(arrays[2], arrays[3], squashed)
    loss, gradient = cross_entropy(teacher, student, teacher_std=1.0)
    theirs = Normal(torch.tensor(arrays[0]), torch.tensor(arrays[1]).exp())
    mean, log_std = (torch.tensor(array, requires_grad=True) for array in arrays[2:])
    total = (kl_divergence(theirs, Normal(mean, log_std.exp())) + theirs.entropy()).sum(1).mean()
    assert loss == pytest.approx(total.item())
    for found, expected in zip(gradient.arrays, torch.autograd.grad(total, [mean, log_std]), strict=True):
        assert found == pytest.approx(expected.numpy())


ACTION = np.array([[0.5, -0.9]])
SAME = {
    "plain": gaussian(ACTION, [0.2, 0.2]),
    "squashed": gaussian(np.arctanh(ACTION), [0.2, 0.2], squashed=True),
    "deterministic": Deterministic(ACTION),
}


@pytest.mark.parametrize(("theirs", "ours"), list(product(SAME, SAME)))
def test_kinds_of_policies_meet_at_the_action(theirs, ours):
    _, gradient = cross_entropy(SAME[theirs], SAME[ours], teacher_std=0.2)
    assert gradient.arrays[0] == pytest.approx(np.zeros((1, 2)), abs=1e-9)
    if ours != "deterministic":
        assert gradient.log_std_BD == pytest.approx(np.zeros((1, 2)), abs=1e-6)
        _, wider = cross_entropy(SAME[theirs], SAME[ours], teacher_std=0.4)
        assert (wider.log_std_BD == pytest.approx(np.full((1, 2), -3.0))) == (theirs != ours)
    moved = SAME[ours].like(tuple(array + 0.1 for array in SAME[ours].arrays))
    assert (cross_entropy(SAME[theirs], moved, teacher_std=0.2)[1].arrays[0] > 0).all()


def test_actions_beyond_the_bounds_are_those_at_them():
    _, gradient = cross_entropy(gaussian(3, 1), Deterministic(np.array([[1.0]])), teacher_std=1.0)
    assert gradient.action_BD == np.zeros((1, 1))
    loss, _ = cross_entropy(Deterministic(np.array([[1.0]])), gaussian(0, 1, squashed=True), teacher_std=1.0)
    assert np.isfinite(loss)


def test_of_what_the_teacher_says_nothing_nothing_is_learned():
    nan = np.nan
    teacher = Gaussian(np.array([[nan, 1.0]]), np.array([[nan, 0.0]]), squashed=False)
    loss, gradient = cross_entropy(teacher, gaussian([5, 0], [1, 1]), teacher_std=1.0)
    assert loss == pytest.approx(0.5 * np.log(2 * np.pi) + 1)
    assert gradient.mean_BD.tolist() == [[0.0, -1.0]]
    assert gradient.log_std_BD.tolist() == [[0.0, -1.0]]
    for ours in (gaussian([5, 0], [1, 1], squashed=True), Deterministic(np.zeros((1, 2)))):
        _, gradient = cross_entropy(Deterministic(np.array([[nan, 0.5]])), ours, teacher_std=1.0)
        assert [array[0, 0] for array in gradient.arrays] == [0.0] * len(gradient.arrays)
        assert gradient.arrays[0][0, 1] < 0
    teacher = Categorical(np.array([[nan, nan, -np.inf, 0.0, 0.0]]), (2, 3))
    loss, gradient = cross_entropy(teacher, Categorical(np.zeros((1, 5)), (2, 3)), teacher_std=1.0)
    assert loss == pytest.approx(np.log(3))
    assert gradient.logits_BK == pytest.approx(np.array([[0, 0, 1 / 3, 1 / 3 - 1 / 2, 1 / 3 - 1 / 2]]))


def test_a_value_learner_s_policy_is_the_softmax_over_the_temperature():
    added = []

    class Kept:
        algorithm, meter, progress = "dqn", Meter(), 0.0
        add_loss = added.append

    asked = []

    class Asked(Oracle):
        def distribution_of(self, observations, *, temperature):
            asked.append(temperature)
            return super().distribution_of(observations, temperature=temperature)

    attach(Kept(), Asked(policy=lambda _: Categorical(np.log([[0.75, 0.25]]), (2,))), temperature=2.0, coefficient=3.0)
    batch = type("Batch", (), {"observation_B": np.zeros((1, 2))})()
    loss, gradient = added[0].of_values(batch, np.array([[2.0, 2.0]]))
    assert loss == pytest.approx(3 * np.log(2))
    assert gradient == pytest.approx(3 / 2 * np.array([[-0.25, 0.25]]))
    assert asked == [2.0]


class Student:
    """What the weight asks of a learner."""

    def __init__(self, returns=(), steps=0, progress=0.0):
        self.meter, self.progress = Meter(steps), progress
        self.meter.episodes = [Episode(number, reward_sum, 1) for number, reward_sum in enumerate(returns)]


# Returns are negative, as on Acrobot: a ratio of returns would switch the teacher off where the learner is worst.
ANCHORS = Anchors(random=-500.0, reference=-100.0, worst=-500.0)


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        ([], 2.0),
        ([-500.0], 2.0),
        ([-300.0], 1.0),
        ([-600.0, -400.0], 2 * (1 - 0.125)),
        ([-500.0, -300.0, -300.0, -300.0], 1.0),
        ([-100.0], 0.0),
        ([-50.0], 0.0),
    ],
)
def test_by_score_it_is_what_the_learner_lacks(returns, expected):
    settings = method(decay="score", coefficient=2.0, window=3)
    teacher = Oracle(evaluation_return=-100.0)
    assert Weight(settings, Student(returns), teacher, ANCHORS).now() == pytest.approx(expected)


def test_half_as_good_a_teacher_is_reached_at_half_the_score():
    weight = Weight(method(decay="score"), Student([-400.0]), Oracle(evaluation_return=-300.0), ANCHORS)
    assert weight.now() == pytest.approx(1 - 0.25 / 0.5)


def test_a_teacher_as_bad_as_chance_is_not_learned_from():
    for its in (-500.0, -700.0):
        assert Weight(method(decay="score"), Student(), Oracle(evaluation_return=its), ANCHORS).now() == 0


def test_a_teacher_beyond_the_reference_counts_as_the_reference():
    weight = Weight(method(decay="score"), Student([-200.0]), Oracle(evaluation_return=900.0), ANCHORS)
    best = Weight(method(decay="score"), Student([-100.0]), Oracle(evaluation_return=900.0), ANCHORS)
    assert (weight.now(), best.now()) == (pytest.approx(0.25), 0.0)


@pytest.mark.parametrize(("its", "fate"), [(-499.0, "copied"), (-500.0, "dropped"), (-700.0, "dropped")])
def test_the_table_says_of_whom_nothing_is_learned(its, fate):
    knowledge = Knowledge(teacher=Oracle(evaluation_return=its), anchors=ANCHORS)
    (found,) = method(decay="score").transfer(None, knowledge)
    assert found.fate == fate
    assert ("is not above that of random actions" in found.why) == (fate == "dropped")


def test_by_schedule_it_falls_to_0():
    def weight(steps, progress, **settings):
        return Weight(
            method(coefficient=4.0, **settings), Student(steps=steps, progress=progress), Oracle(), None
        ).now()

    assert [weight(steps, 0.9, decay_steps=100) for steps in (0, 25, 100, 200)] == [4.0, 3.0, 0.0, 0.0]
    assert [weight(0, progress) for progress in (0.0, 0.25, 1.0)] == [4.0, 3.0, 0.0], "over the whole budget"
    assert weight(900, 0.9, decay="none") == 4.0


def logits(_):
    return Categorical(np.tile([0.0, 8.0], (len(_), 1)), (2,))


STRONG = {"coefficient": 300.0, "decay": "none"}


@pytest.mark.parametrize("algorithm", ["ppo", "a2c", "dqn", "qrdqn"])
def test_a_strong_one_makes_the_learner_act_as_its_teacher(algorithm):
    agent = learner(tiny(algorithm, learning_rate=0.02))
    teacher = Oracle(policy=logits)
    attach(agent, teacher, **STRONG)
    train(agent, 320)
    agent.close()
    assert (agent.act(SEEN, deterministic=True) == 1).all()
    assert teacher.calls >= 300


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["ppo", "sac", "tqc", "td3", "ddpg"])
@pytest.mark.parametrize("kind", SAME)
def test_so_with_box_actions(algorithm, kind):
    agent = learner(tiny(algorithm, learning_rate=0.02), BOX_WALK)
    action = np.array([0.5, -0.9])
    policy = SAME[kind]
    teacher = Oracle(policy=lambda seen: policy.like(tuple(np.repeat(array, len(seen), 0) for array in policy.arrays)))
    attach(agent, teacher, teacher_std=0.2, **STRONG)
    train(agent, 480)
    agent.close()
    assert agent.act(SEEN, deterministic=True) == pytest.approx(np.tile(action, (50, 1)), abs=0.25)


def test_where_the_weight_is_0_nobody_is_asked():
    agents = [learner(ppo()), learner(ppo())]
    teacher = Oracle(policy=logits)
    attach(agents[1], teacher, decay_steps=32)
    for agent in agents:
        train(agent, 64)
        agent.close()
    assert teacher.calls == 0, "the first update comes after 32 steps"
    assert (
        agents[0].networks()["value_head"]["weight"].tobytes() == agents[1].networks()["value_head"]["weight"].tobytes()
    )


@pytest.mark.slow
@pytest.mark.parametrize(("theirs", "ours"), [("dqn", "ppo"), ("ppo", "qrdqn"), ("ppo", "sac"), ("td3", "a2c")])
def test_between_algorithms(theirs, ours, tmp_path):
    task = {"task": BOX_WALK} if {"sac", "td3"} & {theirs, ours} else {}
    source = carry_out(source_spec(tiny(theirs), **task), tmp_path)
    scratch = carry_out(run_spec(tiny(ours), **task), tmp_path)
    arm = carry_out(arm_spec(run_spec(tiny(ours), **task), source, "kickstart"), tmp_path, source)
    assert outputs(arm)["networks.safetensors"] != outputs(scratch)["networks.safetensors"]


def test_questions_are_counted(tmp_path):
    source, constant = carry_out(source_spec(dqn()), tmp_path), ("kickstart", {"decay": "none"})
    costs = read_json(carry_out(arm_spec(run_spec(dqn()), source, constant), tmp_path, source) / "costs.json")
    assert costs["teacher_calls"] == 8 * costs["gradient_steps"] > 0


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"coefficient": -0.1}, "coefficient"),
        ({"decay": "slowly"}, "decay"),
        ({"decay": "none", "decay_steps": 10}, "decay_steps"),
        ({"temperature": 0.0}, "temperature"),
        ({"window": 0}, "window"),
        ({"window": 3}, "window"),
    ],
)
def test_bad_settings_are_named(settings, expected):
    with pytest.raises(ConfigError) as caught:
        method("ppo", **settings)
    assert caught.value.key == f"0.kickstart.{expected}"
