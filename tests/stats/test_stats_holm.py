import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_transfer.stats import holm


def test_worked_by_hand():
    # Sorted: .005, .01, .03, .04; times 4, 3, 2, 1: .02, .03, .06, .04; none below the one before: .06 twice.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert holm([0.03]) == pytest.approx([0.03])
    assert holm([0.02, 0.02, 1.0]) == pytest.approx([0.06, 0.06, 1.0])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.01, 0.5))
def test_rejects_what_the_step_by_step_procedure_rejects(p_K, level):
    expected = [False] * len(p_K)
    for rank, place in enumerate(np.argsort(p_K, kind="stable")):
        if p_K[place] * (len(p_K) - rank) > level:
            break
        expected[place] = True
    assert [adjusted <= level for adjusted in holm(p_K)] == expected


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_lies_between_the_p_value_and_bonferroni(p_K):
    adjusted_K = holm(p_K)
    assert (adjusted_K >= p_K).all()
    assert (adjusted_K <= np.minimum(np.multiply(p_K, len(p_K)), 1.0)).all()


@pytest.mark.parametrize("p_K", [[], [0.1, 1.1], [-0.1], [np.nan], [[0.1]]])
def test_what_is_no_p_value_is_refused(p_K):
    with pytest.raises(ValueError, match="p_K"):
        holm(p_K)
