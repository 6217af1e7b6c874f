"""Several teachers, their losses and ShaSpec pass the suites that every plugin's author can inherit."""

import torch

from xdistill.testing import (
    DistillationLossConformance,
    StudentConformance,
    TaskLossConformance,
    TeacherConformance,
)
from xdistill.testing.helpers.loss_suite import Sample, leaves, sample_subjects
from xdistill.testing.helpers.samples import sample_output
from xdistill.testing.helpers.tensors import seeded
from xdistill.types import Output, OutputSpec
from xdistill_crossmodal.shared_specific.losses import SharedAlignment, SpecificDomain
from xdistill_crossmodal.shared_specific.network import ShaSpec
from xdistill_crossmodal.teachers.ca_mkd import ConfidenceAware
from xdistill_crossmodal.teachers.mst_distill import MstDistill
from xdistill_crossmodal.teachers.mst_teachers import MstTeachers
from xdistill_crossmodal.teachers.mutual import MutualMembers
from xdistill_crossmodal.teachers.several import Several

MEMBERS = {
    "table": {"use": "mlp", "inputs": ["table"], "hidden": [6]},
    "image": {
        "use": "multibranch",
        "branches": {"scan": {"use": "mri_only", "inputs": ["scan"], "width": 0.0625, "features": 6}},
    },
}
NAMES = ("first", "second", "third")


class TestSeveral(TeacherConformance):
    component = Several
    settings = {"members": MEMBERS}


class TestSeveralWithLearnedWeights(TeacherConformance):
    component = Several
    settings = {"members": MEMBERS, "combine": "logits", "weights": "learned"}


class TestMstTeachers(TeacherConformance):
    component = MstTeachers
    settings = {
        "members": MEMBERS,
        "specialised": {
            "hidden": {"member": "table", "at": "layers"},
            "trunk": {"member": "image", "at": "branches.scan.trunk.blocks.3"},
        },
        "mask": {"heads": 2},
    }


BRANCHES = {
    "table": {"use": "mlp", "inputs": ["table"], "hidden": [], "features": 6},
    "scan": {"use": "mri_only", "inputs": ["scan"], "width": 0.0625, "features": 6},
}


class TestShaSpecAsTeacher(TeacherConformance):
    component = ShaSpec
    settings = {"branches": BRANCHES, "features": 5}


class TestShaSpecAsStudent(StudentConformance):
    component = ShaSpec
    settings = {"branches": {"scan": BRANCHES["scan"]}, "absent": ["table"], "features": 5}


class OfMembers(DistillationLossConformance):
    """The made-up teachers have three members."""

    def built(self, shape, *, seed=0, teacher_shape=None):
        specs = (OutputSpec(self.classes, dict.fromkeys(self.taps, one)) for one in (shape, teacher_shape or shape))
        student, teacher = specs
        with seeded(seed):
            return self.choice().build(student=student, teacher=OutputSpec(self.classes, teacher.features, NAMES))

    def sample(self, shape, *, subjects=6, seed=0, teacher_shape=None):
        sample = super().sample(shape, subjects=subjects, seed=seed, teacher_shape=teacher_shape)
        return Sample(sample.student, with_members(sample.teacher, seed), sample.batch)


def with_members(output, seed):
    subjects, classes = output.logits.shape
    members = [
        sample_output({}, subjects=subjects, classes=classes, seed=seed + 7 * place).logits for place in (1, 2, 3)
    ]
    return Output(output.logits, output.features, dict(zip(NAMES, members, strict=True)))


class TestConfidenceAware(OfMembers):
    component = ConfidenceAware


class TestEqualWeights(OfMembers):
    component = ConfidenceAware
    settings = {"weights": "equal", "members": ["first", "third"], "temperature": 1}


class TestMstDistill(OfMembers):
    component = MstDistill
    settings = {"k": 2}


class TestMutualMembers(TaskLossConformance):
    component = MutualMembers
    scores_logits = False

    def built(self, shape, *, seed=0, settings=None):
        config = self.checked(self.settings if settings is None else settings)
        with seeded(seed):
            return self.component(config, output=OutputSpec(self.classes, {}, NAMES), training=None)

    def sample(self, shape, *, subjects=6, seed=0):
        output = with_members(sample_output({}, subjects=subjects, classes=self.classes, seed=seed), seed)
        return Sample(leaves(output), None, sample_subjects(subjects))


class TestSharedAlignment(TaskLossConformance):
    component = SharedAlignment
    settings = {"taps": ["first", "second"]}
    feature_shapes = {"vector": (6,)}
    scores_logits = False


class TestSpecificDomain(TaskLossConformance):
    component = SpecificDomain
    settings = {"taps": ["first", "second"]}
    feature_shapes = {"vector": (2,)}
    scores_logits = False


def test_the_samples_have_members():
    assert set(with_members(sample_output({}), 0).aux) == set(NAMES)
    assert not torch.equal(*list(with_members(sample_output({}), 0).aux.values())[:2])
