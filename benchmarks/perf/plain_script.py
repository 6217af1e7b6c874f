"""Five-fold cross-validation as one would write it without a framework: fold after fold, one loop.

PyTorch as it comes: as many threads as the machine has cores, a ``DataLoader``, contiguous volumes, ``AdamW``. The
networks, losses, augmentation and splits are those of the flagship recipe.

    python benchmarks/perf/plain_script.py [--epochs 20] [--tuned]
"""

from __future__ import annotations

import argparse
import os

import numpy as np
import torch
from job import Joint, Setup, as_batch, loader_of, training_loop
from sklearn.metrics import roc_auc_score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--tuned", action="store_true", help="volumes channels-last and fused AdamW, as the engine")
    chosen = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    scores = []
    for fold in range(5):
        setup = Setup(chosen.epochs, fold=fold)
        model = Joint(setup, tuned=chosen.tuned)
        training_loop(model, loader_of(setup), chosen.epochs)
        scores.append(score(model, setup))
        print(f"fold {fold}: AUC {scores[-1]:.3f}")
    print(f"AUC {np.mean(scores):.3f}, standard deviation {np.std(scores, ddof=1):.3f}")


def score(model: Joint, setup: Setup) -> float:
    """The student's AUC over pairs of classes, of the test subjects."""
    inputs, targets = setup.tensors()
    model.eval()
    with torch.no_grad():
        logits = model.student(as_batch({name: values[setup.test] for name, values in inputs.items()})).logits
    probabilities = torch.softmax(logits.double(), dim=1).numpy()
    return float(roc_auc_score(targets[setup.test], probabilities, multi_class="ovo"))


if __name__ == "__main__":
    main()
