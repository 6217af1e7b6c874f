import json

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfTransformer

from xdistill.errors import DataError, SettingsError
from xdistill.types import ModalitySpec
from xdistill_text.tfidf import Tfidf
from xdistill_text.words import Counting, counts

COUNTS = np.array([[1.0, 0, 2], [0, 0, 1], [3, 0, 0]])


def tfidf(**settings):
    return Tfidf(Tfidf.Config(modality="text", **settings), spec=ModalitySpec("vector", (3,)))


def test_words_are_counted_whatever_their_case():
    counted = counts(["Rain, rain and RAIN", "rain", ""], Counting(size=512))
    place = counted[1].argmax()
    assert counted[:, place].tolist() == [3, 1, 0]
    assert counted.sum(axis=1).tolist() == [4, 1, 0]


def test_pairs_of_words_where_asked_for():
    assert counts(["not so great"], Counting(size=512, longest=2)).sum() == 3 + 2


def test_few_numbers_count_words_together():
    assert counts(["one two three four"], Counting(size=2)).sum() == 4


def test_weights_by_hand():
    transform = tfidf()
    transform.fit(COUNTS)
    # Words are in 2, 0 and 2 of 3 subjects: 1 + ln(4 / 3), 1 + ln(4 / 1), 1 + ln(4 / 3).
    assert transform.state()["weights"] == pytest.approx([1.2876821, 2.3862944, 1.2876821])
    np.testing.assert_allclose(transform.apply(COUNTS), [[0.2**0.5, 0, 0.8**0.5], [0, 0, 1], [1, 0, 0]], atol=1e-7)
    np.testing.assert_array_equal(transform.apply(np.zeros((1, 3))), [[0, 0, 0]])


@pytest.mark.parametrize("logarithmic", [False, True])
def test_it_is_scikit_learns(logarithmic):
    training, other = (np.random.default_rng(seed).poisson(0.7, (20, 3)).astype(float) for seed in (0, 1))
    transform = tfidf(logarithmic=logarithmic)
    transform.fit(training)
    theirs = TfidfTransformer(sublinear_tf=logarithmic).fit(training)
    np.testing.assert_allclose(transform.apply(other), theirs.transform(other).toarray(), atol=1e-6)


def test_its_state_is_json_and_comes_back():
    transform, other = tfidf(), tfidf()
    transform.fit(COUNTS)
    other.restore(json.loads(json.dumps(transform.state())))
    np.testing.assert_array_equal(other.apply(COUNTS), transform.apply(COUNTS))
    with pytest.raises(DataError, match="has 2 weights for 3 counts"):
        tfidf().restore({"weights": [1.0, 1.0]})


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_values_that_are_no_counts(wrong):
    with pytest.raises(DataError, match="tfidf needs counts, but 'text' has negative or missing values"):
        tfidf().fit(np.array([[wrong, 0, 0]]))


def test_only_vectors():
    with pytest.raises(SettingsError, match="'text' is not one"):
        Tfidf(Tfidf.Config(modality="text"), spec=ModalitySpec("volume", (1, 2, 2, 2)))
