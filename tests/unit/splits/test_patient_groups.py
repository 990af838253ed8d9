"""Whole patients in folds: every one is held out once, folds are even, nobody is alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semioscope.core.errors import ConfigError
from semioscope.splits.patient_groups import patient_groups

owners = st.lists(st.sampled_from([f"p{number}" for number in range(9)]), min_size=2, max_size=60).filter(
    lambda names: len(set(names)) >= 2
)


@given(names=owners, share=st.floats(0, 1), seed=st.integers(0, 99))
def test_every_patient_is_held_out_once_and_folds_have_equally_many(names, share, seed):
    num_folds = 2 + round(share * (len(set(names)) - 2))
    folds = patient_groups(names, num_folds=num_folds, seed=seed)
    assert sorted(sum(folds, ())) == sorted(set(names))
    assert len(folds) == num_folds
    sizes = [len(fold) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    assert folds == patient_groups(names[::-1], num_folds=num_folds, seed=seed)


def test_pictures_are_spread_as_evenly_as_patients_allow():
    names = ["a"] * 8 + ["b"] * 7 + ["c"] * 2 + ["d"]
    folds = patient_groups(names, num_folds=2, seed=3)
    assert sorted(sum(names.count(one) for one in fold) for fold in folds) == [9, 9]


def test_too_few_patients_are_told():
    with pytest.raises(ConfigError, match=r"needs two of them at least, got one \(p1\)"):
        patient_groups(["p1", "p1"], num_folds=2, seed=0)
    with pytest.raises(ConfigError, match=r"from 2 to the number of patients, 2, got 3\. Use --folds 2"):
        patient_groups(["p1", "p2"], num_folds=3, seed=0)
    with pytest.raises(ConfigError, match="got 1"):
        patient_groups(["p1", "p2"], num_folds=1, seed=0)
