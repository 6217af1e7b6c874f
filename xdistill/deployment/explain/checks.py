"""Two sanity checks of explanations.

Shuffled weights: an explanation of what a network has learned changes when its weights are randomised (Adebayo et al.,
Sanity checks for saliency maps, NeurIPS 2018). The entries of every weight are shuffled, so that their distribution
stays that of the trained network.

Deletion: when the places with the largest attribution are deleted first, the probability of the class, or another
prediction, falls earlier than in a random order (Petsiuk et al., RISE, BMVC 2018). Patches are deleted, in the random
order as well, because single voxels that are replaced at random are noise to a convolution.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from scipy.stats import rankdata
from torch import Tensor, nn

from xdistill.deployment.explain.attributions import Attributed, MemberInput, Options, attribute, window_of
from xdistill.deployment.explain.explanation import Checks, Explanation
from xdistill.deployment.explain.methods import Attributions

SHUFFLES = 3
ORDERS = 10  # of random deletion
STEPS = 20  # of a deletion curve
CHANGED = 0.5  # a correlation below says that the map depends on the weights


@dataclass(frozen=True)
class CheckSummary:
    """The checks of several subjects.

    Attributes:
        subjects: how many were checked.
        correlation: mean magnitude of the rank correlation with maps of shuffled weights.
        deleted: mean curve, by attribution, ``(steps,)``.
        random: mean curve, in random orders, ``(steps,)``.
        below: subjects whose curve has a smaller area than in random orders.
    """

    subjects: int
    correlation: float
    deleted: NDArray[np.float64]
    random: NDArray[np.float64]
    below: int

    @classmethod
    def of(cls, explanations: Sequence[Explanation]) -> CheckSummary | None:
        """The summary of all explanations that were checked; None if none was."""
        found = [one.checks for one in explanations if one.checks is not None]
        if not found:
            return None
        return cls(
            subjects=len(found),
            correlation=float(np.mean([one.correlation for one in found])),
            deleted=np.mean([one.deleted for one in found], axis=0),
            random=np.mean([one.random for one in found], axis=0),
            below=sum(area(one.deleted) < area(one.random) for one in found),
        )

    @property
    def depends(self) -> bool:
        """Whether the maps depend on what the network has learned."""
        return self.correlation < CHANGED

    @property
    def faithful(self) -> bool:
        """Whether deletion by attribution lowers the prediction more than random deletion, in the mean."""
        return area(self.deleted) < area(self.random)

    def lines(self) -> list[str]:
        """Both results, one sentence each."""
        weights = (
            f"{_verdict(passed=self.depends)}: with shuffled weights, the maps have a rank correlation of "
            f"{self.correlation:.2f} with those of the model (passes below {CHANGED})"
        )
        deletion = (
            f"{_verdict(passed=self.faithful)}: deletion by attribution leaves an area of {area(self.deleted):.3f} "
            f"below the curve, random deletion {area(self.random):.3f}; it is smaller for {self.below} of "
            f"{self.subjects} subjects"
        )
        return [weights, deletion]


def checked(inputs: Sequence[MemberInput], attributed: Attributed, options: Options) -> Checks:
    """Both checks for one subject."""
    deleted, random = _deletion(inputs, attributed, options)
    return Checks(_correlation(inputs, attributed.values, options), deleted, random)


def area(curve: NDArray[np.float64]) -> float:
    """The area below a curve from nothing to everything deleted, 0 to 1."""
    return float(trapezoid(curve, dx=1 / (len(curve) - 1)))


def shuffled(network: nn.Module, seed: int) -> nn.Module:
    """A copy of a network whose weights are shuffled, each among itself; integers and what has one entry stay."""
    copy = deepcopy(network)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in [*copy.parameters(), *copy.buffers()]:
            if value.is_floating_point():
                order = torch.randperm(value.numel(), generator=generator).to(value.device)
                value.copy_(value.flatten()[order].reshape(value.shape))
    return copy


def _correlation(inputs: Sequence[MemberInput], values: Attributions, options: Options) -> float:
    found = []
    for seed in range(SHUFFLES):
        others = [one.with_network(shuffled(one.member.network, seed)) for one in inputs]
        randomised = attribute(others, options).values
        found += [_rank_correlation(values[name], randomised[name]) for name in values]
    return float(np.mean(found))


def _rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The magnitude of Spearman's correlation; 0 if one of the two is constant."""
    ranks = [rankdata(one) - (one.size + 1) / 2 for one in (first, second)]
    lengths = [float(np.linalg.norm(one)) for one in ranks]
    return abs(float(ranks[0] @ ranks[1])) / (lengths[0] * lengths[1]) if min(lengths) > 0 else 0.0


def _deletion(
    inputs: Sequence[MemberInput], attributed: Attributed, options: Options
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The curve by attribution, and the mean curve of random orders."""
    patches = _patches(inputs[0], attributed.values)
    scores = np.concatenate([_patch_scores(attributed.values[name], ids) for name, ids in patches.items()])
    generator = np.random.default_rng(0)
    orders = [np.argsort(-scores, kind="stable"), *(generator.permutation(len(scores)) for _ in range(ORDERS))]
    curves = np.mean([_curves(one, attributed, patches, orders, options) for one in inputs], axis=0)
    return curves[0], curves[1:].mean(axis=0)


def _patches(one: MemberInput, values: Attributions) -> dict[str, NDArray[np.int64]]:
    """By modality, the number of the patch that each voxel, or column, belongs to: half an occlusion window."""
    found = {}
    for name, attributions in values.items():
        if name in one.columns:
            found[name] = np.arange(len(attributions))
            continue
        shape = attributions.shape
        sizes = [-(-length // 2) for length in window_of(shape, None, name)]
        places = [np.arange(length) // size for length, size in zip(shape, sizes, strict=True)]
        counts = [int(place[-1]) + 1 for place in places]
        found[name] = np.asarray(
            np.ravel_multi_index(tuple(np.meshgrid(*places, indexing="ij")), counts), dtype=np.int64
        )
    return found


def _patch_scores(attributions: NDArray[np.float64], ids: NDArray[np.int64]) -> NDArray[np.float64]:
    flat = ids.ravel()
    means: NDArray[np.float64] = np.bincount(flat, weights=attributions.ravel()) / np.bincount(flat)
    return means


def _curves(
    one: MemberInput,
    attributed: Attributed,
    patches: Mapping[str, NDArray[np.int64]],
    orders: Sequence[NDArray[np.int64]],
    options: Options,
) -> NDArray[np.float64]:
    """Predictions of what is explained, such as probabilities of a class, ``(orders, steps)``."""
    subject = one.subject
    ids = _ids(one, attributed, patches)
    count = sum(int(part.max()) + 1 for part in patches.values())
    removed = torch.from_numpy(_removed(orders, count))
    found = []
    with torch.no_grad():
        for rows in torch.split(removed, max(1, options.batch_size)):
            batch = [
                _deleted(subject.values[name], subject.baselines[name], ids.get(name), rows) for name in subject.values
            ]
            found.append(subject.scoring.predictions(*batch)[:, subject.target].cpu())
    return torch.cat(found).double().numpy().reshape(len(orders), STEPS + 1)


def _ids(
    one: MemberInput, attributed: Attributed, patches: Mapping[str, NDArray[np.int64]]
) -> dict[str, NDArray[np.int64]]:
    """By modality, the number among all patches of everything that this member reads."""
    found, offset = {}, 0
    for name, part in patches.items():
        if name in one.columns:
            places = {column: place for place, column in enumerate(attributed.names[name])}
            columns = one.columns[name]
            own = np.array([places[column] for column in columns.names], dtype=np.int64)[columns.index]
        else:
            own = part
        found[name] = own + offset
        offset += int(part.max()) + 1
    return found


def _removed(orders: Sequence[NDArray[np.int64]], count: int) -> NDArray[np.bool_]:
    """Which patches are deleted, ``(orders * steps, patches)``."""
    return np.stack(list(_steps(orders, count)))


def _steps(orders: Sequence[NDArray[np.int64]], count: int) -> Iterator[NDArray[np.bool_]]:
    for order in orders:
        for step in range(STEPS + 1):
            row = np.zeros(count, dtype=bool)
            row[order[: round(count * step / STEPS)]] = True
            yield row


def _deleted(value: Tensor, baseline: Tensor, ids: NDArray[np.int64] | None, rows: Tensor) -> Tensor:
    """Copies of a subject's values in which patches are replaced by the baseline, ``(rows, *shape)``."""
    if ids is None:  # not explained, such as a vector that Grad-CAM has no map for
        return value.expand(len(rows), *value.shape[1:])
    gone = rows[:, torch.from_numpy(ids)].to(value.device)
    if value.ndim > gone.ndim:
        gone = gone[:, None]
    return torch.where(gone, baseline, value)


def _verdict(*, passed: bool) -> str:
    return "passed" if passed else "FAILED"
