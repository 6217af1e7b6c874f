"""Small methods for tests of comparisons."""

import numpy as np

from xdistill.stats import FoldPredictions, Method, Predictions

CLASSES = ("m0", "m1", "m2")


def cohort(subjects=60):
    """Targets by subject."""
    return {f"s{index}": index % 3 for index in range(subjects)}


def splits(targets, repeats=2, folds=3, seed=0):
    """Subjects tested by (repeat, fold), the classes spread evenly."""
    generator = np.random.default_rng(seed)
    table = {}
    for repeat in range(repeats):
        shuffled = map(str, generator.permutation(list(targets)))
        order = sorted(shuffled, key=targets.__getitem__)
        for fold in range(folds):
            table[repeat, fold] = tuple(order[fold::folds])
    return table


def predictions(targets, table, quality, seed, role="student"):
    """Probabilities that lean to the right class by ``quality``."""
    generator = np.random.default_rng(seed)
    folds = []
    for (repeat, fold), subjects in table.items():
        target = np.array([targets[subject] for subject in subjects])
        logits = generator.normal(size=(len(subjects), 3)) + quality * np.eye(3)[target]
        odds = np.exp(logits)
        folds.append(FoldPredictions(role, repeat, fold, subjects, target, odds / odds.sum(axis=1, keepdims=True)))
    return Predictions(CLASSES, tuple(folds))


def method(name, quality=1.0, *, seeds=(0,), repeats=2, folds=3, role="student", subjects=60):
    """A method on the common splits."""
    targets = cohort(subjects)
    table = splits(targets, repeats, folds)
    return Method(
        name=name,
        fingerprint="cohort-a",
        split_hash="splits-a",
        train_sizes={key: subjects - len(tested) for key, tested in table.items()},
        seeds=tuple(predictions(targets, table, quality, seed, role) for seed in seeds),
        role=role,
    )
