"""What simple features of the volumes tell of the hidden truth."""

from itertools import pairwise

import numpy as np
import pytest

from xdistill_mri.phantom import HccPhantom

SUBJECTS = 400
EDGES = (0.0, 0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.95, 1.1, 1.4)


@pytest.fixture(scope="module")
def cohort():
    data = HccPhantom(HccPhantom.Config(subjects=SUBJECTS, seed=3))
    subjects = list(data.load_many(range(SUBJECTS)))
    volumes = {phase: np.stack([subject[phase][0] for subject in subjects]) for phase in ("hbp", "pre")}
    return volumes, data._latents


def shells(volumes, statistic):
    """A statistic of each shell around the middle of the volume, ``(subjects, shells)``."""
    grid = np.meshgrid(*[(2 * np.arange(n) + 1) / n - 1 for n in volumes.shape[1:]], indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in grid))
    parts = [(radius >= low) & (radius < high) for low, high in pairwise(EDGES)]
    return np.stack([statistic(volumes[:, part], axis=1) for part in parts], axis=1)


def recovered(features, latent):
    """Correlation of a latent with its linear estimate, fitted on one half and tested on the other."""
    design = np.column_stack([np.ones(len(features)), features])
    half = len(design) // 2
    weights, *_ = np.linalg.lstsq(design[:half], latent[:half], rcond=None)
    return np.corrcoef(design[half:] @ weights, latent[half:])[0, 1]


def test_the_rim_shows_what_the_hepatobiliary_phase_knows(cohort):
    volumes, latents = cohort
    rim = shells(volumes["hbp"], np.mean)[:, 4:6].mean(axis=1)

    assert np.corrcoef(rim, latents.hbp)[0, 1] < -0.8
    assert recovered(shells(volumes["hbp"], np.mean), latents.hbp) > 0.85


def test_the_texture_shows_what_the_pre_contrast_phase_knows(cohort):
    volumes, latents = cohort
    texture = shells(volumes["pre"], np.std)

    assert np.corrcoef(texture[:, 0], latents.pre)[0, 1] > 0.7
    assert recovered(texture, latents.pre) > 0.8


def test_the_mean_intensity_shows_nothing(cohort):
    volumes, latents = cohort

    for phase, latent in (("hbp", latents.hbp), ("pre", latents.pre)):
        assert np.ptp(volumes[phase].mean(axis=(1, 2, 3))) < 1e-4
        assert abs(np.corrcoef(volumes[phase].mean(axis=(1, 2, 3)), latent)[0, 1]) < 0.2


@pytest.mark.parametrize(("phase", "other"), [("hbp", "pre"), ("pre", "hbp")])
def test_a_phase_shows_no_more_of_the_other_than_their_common_cause(cohort, phase, other):
    volumes, latents = cohort
    features = np.column_stack([shells(volumes[phase], np.mean), shells(volumes[phase], np.std)])

    assert recovered(features, getattr(latents, other)) < np.corrcoef(latents.hbp, latents.pre)[0, 1] + 0.12


def test_the_hepatobiliary_phase_tells_more_of_the_invasiveness(cohort):
    _, latents = cohort

    def tied(shown):
        return np.corrcoef(shown, latents.invasiveness)[0, 1]

    assert tied(latents.hbp) > tied(latents.pre) + 0.05


def test_the_lesion_is_dark_and_darker_in_the_hepatobiliary_phase(cohort):
    volumes, _ = cohort
    core = {phase: shells(volumes[phase], np.mean)[:, 0] for phase in volumes}

    assert (core["hbp"] < 0).all()
    assert core["hbp"].mean() < core["pre"].mean() < 0
