"""Grad-CAM, integrated gradients and occlusion of one network, computed by Captum.

Grad-CAM: Selvaraju et al., ICCV 2017. Integrated gradients: Sundararajan et al., ICML 2017. Occlusion: Zeiler and
Fergus, ECCV 2014.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xdistill.deployment.explain.columns import Columns
from xdistill.deployment.explain.layers import Site, on_grid
from xdistill.deployment.explain.scoring import Subject, captum, is_image

Attributions = dict[str, NDArray[np.float64]]
"""By modality: a map ``(*space)``, summed over channels, or one value per column of the cohort, ``(columns,)``."""

Groups = Mapping[str, Columns]
"""By vector modality."""


def grad_cam(subject: Subject, sites: Mapping[str, Site]) -> Attributions:
    """The channels of a layer, each weighted by its mean gradient, summed; negative values are kept."""
    method = captum("attr").LayerGradCam
    found: Attributions = {}
    for name, site in sites.items():
        layer = subject.scoring.network.get_submodule(site.layer)
        maps = method(subject.scoring, layer).attribute(subject.leaves(), target=subject.target)
        values = maps[site.part, 0].detach().cpu().numpy()
        found[name] = on_grid(values, subject.values[name].shape[2:]).astype(np.float64)
    return found


def integrated_gradients(subject: Subject, groups: Groups, *, steps: int, batch_size: int) -> Attributions:
    """Gradients along the straight line from the baseline to the subject; all attributions sum to the logit's change.

    Args:
        subject: one subject.
        groups: columns of vectors.
        steps: points on the line.
        batch_size: points that are computed at the same time.
    """
    method = captum("attr").IntegratedGradients(subject.scoring)
    values = method.attribute(
        subject.leaves(),
        baselines=tuple(subject.baselines.values()),
        target=subject.target,
        n_steps=steps,
        internal_batch_size=max(batch_size, 1),
    )
    found: Attributions = {}
    for name, value in zip(subject.values, values, strict=True):
        array = _array(value[0])
        if is_image(subject.schema[name]):
            found[name] = array.sum(axis=0)
        else:
            sums = np.bincount(groups[name].index, weights=array, minlength=len(groups[name].names))
            found[name] = sums.astype(np.float64)
    return found


def occlusion(
    subject: Subject, groups: Groups, *, windows: Mapping[str, Sequence[int]], batch_size: int
) -> Attributions:
    """How much the logit drops when a window of an image, or a column of a vector, is replaced by its baseline.

    Windows move by half their size; a voxel gets the mean over the windows that cover it.

    Args:
        subject: one subject.
        groups: columns of vectors.
        windows: size of the window for each image, ``(*space)``.
        batch_size: windows, or columns, that are computed at the same time.
    """
    attr = captum("attr")
    found: Attributions = {}
    for name, value in subject.values.items():
        score, baseline = subject.alone(name), subject.baselines[name]
        with torch.no_grad():
            if is_image(subject.schema[name]):
                channels, window = value.shape[1], tuple(windows[name])
                drops = attr.Occlusion(score).attribute(
                    value,
                    sliding_window_shapes=(channels, *window),
                    strides=(channels, *(max(1, length // 2) for length in window)),
                    baselines=baseline,
                    target=subject.target,
                    perturbations_per_eval=batch_size,
                )
                found[name] = _array(drops[0]).mean(axis=0)  # all channels of a window are replaced together
            else:
                columns = groups[name]
                _, dense = np.unique(columns.index, return_inverse=True)
                drops = attr.FeatureAblation(score).attribute(
                    value,
                    baselines=baseline,
                    target=subject.target,
                    feature_mask=torch.from_numpy(dense).to(value.device)[None],
                    perturbations_per_eval=batch_size,
                )
                found[name] = np.zeros(len(columns.names))
                found[name][columns.index] = _array(drops[0])  # all values of a column are replaced together
    return found


def _array(value: Tensor) -> NDArray[np.float64]:
    return np.asarray(value.detach().cpu().numpy(), dtype=np.float64)
