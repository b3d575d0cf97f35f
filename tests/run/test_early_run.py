"""A run that stops before the budget that its schedules follow."""

import pytest
from builders import carry_out, curve, dqn, ppo, run_spec

from rl_transfer.knowledge import read_networks

WHOLE = (0, 32, 64, 96, 128)
LEARNERS = [ppo(learning_rate="lin_0.05"), dqn(exploration_fraction=1.0, learning_rate="lin_0.05")]


@pytest.mark.parametrize("learner", LEARNERS, ids=["ppo", "dqn"])
def test_it_is_the_beginning_of_the_whole_run(tmp_path, learner):
    whole = carry_out(run_spec(learner, grid=WHOLE), tmp_path)
    early = carry_out(run_spec(learner, grid=WHOLE[:3], horizon_steps=128), tmp_path)
    short = carry_out(run_spec(learner, grid=WHOLE[:3]), tmp_path)
    assert curve(early) == {step: curve(whole)[step] for step in WHOLE[:3]}
    weights = [read_networks(folder / "agent" / "networks.safetensors") for folder in (early, short)]
    first, second = (networks["value_head"]["weight"] for networks in weights)
    assert (first != second).any()


def test_a_horizon_before_the_budget_is_refused():
    with pytest.raises(ValueError, match="schedules must follow"):
        run_spec(ppo(), grid=WHOLE, horizon_steps=96)
