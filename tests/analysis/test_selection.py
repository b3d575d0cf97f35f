"""Rankings of candidates, their words, and what predictors were worth."""

import pytest

from rl_transfer.analysis import PREDICTORS, Candidate, Costs, Prediction, Selection, first_lines, ranked, records

COSTS = Costs(source_steps=1, target_steps=2, probe_steps=3, evaluation_steps=4)
NAMES = list(PREDICTORS)


def candidate(source, *values, target="t", truth=None):
    """A candidate with one value a predictor; a list is by seed, None is not defined."""
    predictions = [
        Prediction(seed=seed, predictor=name, value=value, why_not="" if value is not None else "no reason")
        for name, given in zip(NAMES, values, strict=True)
        for seed, value in enumerate(given if isinstance(given, list) else [given])
    ]
    pair = f"{source}_to_{target}"
    return Candidate(source=source, target=target, pair=pair, predictions=tuple(predictions), costs=COSTS, truth=truth)


def selection(*candidates, **changes):
    settings = {"name": "x", "identity": {}, "arm": "fine_tune", "seeds": (0,), "share": 0.05, "excluded": {}}
    settings |= {"baseline_costs": COSTS, "judge_from": 1}
    return Selection(candidates=candidates, **settings | changes)


def test_ranks_and_their_mean_by_hand():
    found = ranked([candidate("b", 1, 5, 5, 0, -1), candidate("a", 2, 5, 9, 1, -2), candidate("c", 0, 5, 1, 2, -3)])
    assert [one.candidate.source for one in found] == ["a", "b", "c"]
    assert list(found[0].ranks.values()) == [1, 2, 1, 2, 2]
    assert [one.mean_rank for one in found] == pytest.approx([8 / 5, 10 / 5, 12 / 5])


def test_values_are_means_over_the_seeds_that_define_them():
    one = candidate("a", [1, 3], [1, None], [None, None], 0, 0)
    assert [one.value(name) for name in NAMES[:3]] == [2.0, 1.0, None]
    assert one.undefined(NAMES[1]) == {1: "no reason"}


def test_a_predictor_that_is_not_defined_for_all_has_no_rank():
    first, second = ranked([candidate("a", 1, None, 1, 1, 1), candidate("b", 2, 99, 0, 0, 0)])
    assert first.candidate.source == "a"
    assert first.ranks[NAMES[1]] is None and second.ranks[NAMES[1]] is None
    assert (first.mean_rank, second.mean_rank) == (1.25, 1.75)


def test_nothing_defined_is_no_ranking():
    order = ranked([candidate("a", *[None] * 5), candidate("b", *[1] * 5)])
    assert [one.mean_rank for one in order] == [None, None]
    assert "there is no ranking" in first_lines(order)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"a": [2] * 5, "b": [1] * 5}, "try a first: mean rank 1.0 of 2, first by 5 of 5 predictors"),
        (
            {"a": [3, 3, 3, 2, 2], "b": [2, 2, 2, 3, 3], "c": [1] * 5},
            "try a first: mean rank 1.4 of 3, first by 3 of 5 predictors; b (1.6) is nearly as good",
        ),
        (
            {"a": [3, 3, 2, 2, 2], "b": [2, 1, 3, 1, 1], "c": [1, 2, 1, 3, 3]},
            "the predictors disagree about the first: a (zero_shot, early_learning), c (dynamics, value_agreement), "
            "b (representation); a has the best mean rank, 1.6",
        ),
        (
            {"a": [2, 2, 1, 1, 1], "b": [1, 1, 2, 2, 1]},
            "the predictors disagree about the first: a (zero_shot, early_learning, value_agreement), "
            "b (representation, dynamics, value_agreement); a and b share the best mean rank, 1.5",
        ),
    ],
)
def test_the_ranking_in_words(values, words):
    assert first_lines(ranked([candidate(source, *given) for source, given in values.items()])) == words


def matrix():
    """Two targets; the first predictor is right, the second the reverse, the third knows the wrong group's order."""
    cells = []
    for target, shift in (("t", 0.0), ("u", 10.0)):
        for source, truth in (("a", 0.3), ("b", 0.1), ("c", 0.2), ("d", -0.1)):
            values = [truth + shift, -truth, 1.0, None if (source, target) == ("a", "u") else truth, truth**2]
            cells.append(candidate(source, *values, target=target, truth=truth))
    return selection(*cells, study="s")


def test_records_of_a_matrix_by_hand():
    found = {record.predictor: record for record in records(matrix())}
    assert list(found) == [*NAMES, "mean_rank", "random choice"]
    right, wrong, constant, gap, square = (found[name] for name in NAMES)
    assert (right.correlation.value, right.correlation.cells) == (pytest.approx(1.0), 8)
    assert (right.choice.right, right.choice.loss) == (1.0, 0.0)
    assert wrong.correlation.value == pytest.approx(-1.0)
    assert (wrong.choice.right, wrong.choice.loss) == (0.0, pytest.approx(0.4))
    assert constant.correlation.value is None
    assert constant.choice == found["random choice"].choice
    assert constant.choice.right == pytest.approx(0.25)
    assert constant.choice.loss == pytest.approx(0.3 - 0.125)
    assert gap.correlation.cells == 7 and gap.choice.groups == 1
    assert 0.0 < square.correlation.value < 1.0
    assert found["mean_rank"].correlation.value is not None
    assert all(record.to_dict()["predictor"] == name for name, record in found.items())


def test_rows_hold_every_number():
    rows = list(selection(candidate("a", [1, 3], 0, None, 0, 0)).rows())
    assert ("t", "a", 1, "zero_shot", 3.0, "") in rows
    assert ("t", "a", 0, "representation", "", "no reason") in rows
    assert len(rows) == 6


def test_a_selection_survives_the_disk():
    found = matrix()
    assert Selection.model_validate(found.model_dump(mode="json")) == found
