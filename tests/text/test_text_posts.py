from collections import Counter

import numpy as np
import pytest

from xdistill_text.posts import ATTRIBUTES, EMPHASIS, FEELINGS, Posts


def posts(**settings):
    return Posts(Posts.Config(**{"subjects": 3000, **settings}))


def polarity(text, words):
    """1 for a text of good words, 0 for one of bad words."""
    said = [place for word in text.split() for place in (0, 1) if word in words[place]]
    assert len(set(said)) == 1
    return said[0]


def test_without_mistakes_a_post_is_sarcastic_when_its_polarities_differ():
    for post in posts(wrong_labels=0, wrong_words=0).posts:
        assert post.sarcastic == (polarity(post.text, FEELINGS) != polarity(post.attributes, ATTRIBUTES))


def test_neither_side_alone_tells_and_the_text_tells_a_little():
    made = posts(wrong_labels=0, wrong_words=0).posts
    of_texts = Counter((polarity(post.text, FEELINGS), post.sarcastic) for post in made)
    assert of_texts[1, True] / (of_texts[1, True] + of_texts[0, True]) == pytest.approx(0.75, abs=0.04)
    assert of_texts[1, False] / (of_texts[1, False] + of_texts[0, False]) == pytest.approx(0.5, abs=0.04)
    emphasis = {True: [], False: []}
    for post in made:
        emphasis[post.sarcastic].append(sum(word in EMPHASIS for word in post.text.split()))
    assert np.mean(emphasis[True]) == pytest.approx(1.8, abs=0.1)
    assert np.mean(emphasis[False]) == pytest.approx(0.9, abs=0.1)


def test_some_labels_are_wrong():
    right, given = posts(wrong_labels=0).posts, posts(wrong_labels=0.15).posts
    assert [post.text for post in right] == [post.text for post in given]
    wrong = [first.sarcastic != second.sarcastic for first, second in zip(right, given, strict=True)]
    assert np.mean(wrong) == pytest.approx(0.15, abs=0.03)


def test_a_picture_has_five_attributes_and_what_is_stored_are_counts():
    data = posts(subjects=20)
    assert {len(post.attributes.split()) for post in data.posts} == {5}
    for row, values in enumerate(data.load_many(range(20))):
        assert values["attributes"].sum() == 5
        assert values["text"].sum() == len([word for word in data.posts[row].text.split() if len(word) > 1])
    assert data.facts().synthetic


def test_another_seed_gives_other_posts():
    assert posts(subjects=20, seed=1).posts == posts(subjects=20, seed=1).posts
    assert posts(subjects=20, seed=1).posts != posts(subjects=20, seed=2).posts
