"""Replay in detail."""

import csv

import pytest
from builders import arm_spec, carry_out, dqn, learner, run_spec, source_spec, train

from rl_transfer.knowledge import Knowledge
from rl_transfer.methods import build_methods
from rl_transfer.study import Named


@pytest.fixture(scope="module")
def experience():
    """A hundred transitions, none of them more."""
    source = learner(dqn())
    train(source, 104)
    source.close()
    return source.experience()


@pytest.mark.parametrize(
    ("asked_for", "target", "added", "fate", "left_out"),
    [
        (100, {}, 100, "copied", None),
        (10_000, {}, 100, "copied", None),
        (30, {}, 30, "copied", None),
        (10_000, {"buffer_size": 60}, 60, "copied", "40 left out: the buffer took 60 "),
        (7, {"n_envs": 2}, 6, "copied", "1 left out: the buffer took 6 (whole rows of one per environment"),
        (1, {"n_envs": 2}, 0, "dropped", "1 left out"),
        (0, {}, 0, "reinitialised", None),
    ],
)
def test_what_did_not_fit_is_told(experience, asked_for, target, added, fate, left_out):
    agent = learner(dqn(**target))
    method = build_methods([Named(name="replay", settings={"transitions": asked_for})], "dqn")[0]
    (row,) = method.transfer(agent, Knowledge(experience=experience))
    assert (row.tensor, row.role, row.fate, row.frozen) == ("transitions", "experience", fate, "no")
    assert (row.from_shape, row.to_shape) == ((100,), (added,))
    assert len(agent.experience()) == added
    assert f"{asked_for} newest asked for, 100 found" in row.why
    assert left_out in row.why if left_out else "left out" not in row.why
    agent.close()


def test_it_is_a_row_of_the_transfer_table(tmp_path):
    source = carry_out(source_spec(dqn()), tmp_path)
    folder = carry_out(arm_spec(run_spec(dqn(buffer_size=50)), source, "fine_tune", "replay"), tmp_path, source)
    rows = list(csv.DictReader((folder / "transfer.csv").read_text().splitlines()))
    assert {row["role"] for row in rows[:-1]} == {"value_body", "value_head", "exploration"}
    assert rows[-1] == {
        "tensor": "transitions",
        "role": "experience",
        "from_shape": "100",
        "to_shape": "50",
        "fate": "copied",
        "frozen": "no",
        "why": "10000 newest asked for, 100 found, 50 left out: "
        "the buffer took 50 (whole rows of one per environment, up to its size)",
    }
