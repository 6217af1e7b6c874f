"""The losses as one would write them straight from their formulas: what `losses.py` compares with.

They are for the shapes of that script, equal in student and teacher, and without guards against zeros or overflow.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, factorial, log

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xdistill.types import Output

Plain = Callable[[Output, Output, Tensor], Tensor]


def kl(student: Tensor, teacher: Tensor, temperature: float, dim: int = 1) -> Tensor:
    p = F.softmax(teacher / temperature, dim=dim)
    return F.kl_div(F.log_softmax(student / temperature, dim=dim), p, reduction="sum") * temperature**2


def kd(student: Output, teacher: Output, target: Tensor) -> Tensor:
    del target
    return kl(student.logits, teacher.logits, 4.0) / len(student.logits)


def standardised_kd(student: Output, teacher: Output, target: Tensor) -> Tensor:
    del target
    pair = [
        (z - z.mean(dim=1, keepdim=True)) / (z.std(dim=1, keepdim=True) + 1e-7)
        for z in (student.logits, teacher.logits)
    ]
    return kl(*pair, 4.0) / len(student.logits)


def dkd(student: Output, teacher: Output, target: Tensor) -> Tensor:
    mask = F.one_hot(target, student.logits.shape[1]).bool()

    def parts(logits: Tensor) -> tuple[Tensor, Tensor]:
        p = F.softmax(logits / 4, dim=1)
        binary = torch.stack([(p * mask).sum(dim=1), (p * ~mask).sum(dim=1)], dim=1)
        return binary, logits / 4 - 1000.0 * mask

    (ours, our_rest), (theirs, their_rest) = parts(student.logits), parts(teacher.logits)
    first = F.kl_div(ours.log(), theirs, reduction="sum")
    second = F.kl_div(F.log_softmax(our_rest, dim=1), F.softmax(their_rest, dim=1), reduction="sum")
    return 16 * (first + 8 * second) / len(target)


def pearson(first: Tensor, second: Tensor) -> Tensor:
    first, second = (value - value.mean(dim=1, keepdim=True) for value in (first, second))
    return F.cosine_similarity(first, second, dim=1).mean()


def dist(student: Output, teacher: Output, target: Tensor) -> Tensor:
    del target
    p, q = (F.softmax(output.logits, dim=1) for output in (student, teacher))
    return (1 - pearson(p, q)) + (1 - pearson(p.T, q.T))


def wsld(student: Output, teacher: Output, target: Tensor) -> Tensor:
    ours, theirs = (F.cross_entropy(z.detach(), target, reduction="none") for z in (student.logits, teacher.logits))
    weight = 1 - torch.exp(-ours / (theirs + 1e-7))
    p = F.softmax(teacher.logits / 2, dim=1)
    rows = F.kl_div(F.log_softmax(student.logits / 2, dim=1), p, reduction="none").sum(dim=1)
    return 4 * (weight * rows).mean()


def generalized(student: Output, teacher: Output, target: Tensor) -> Tensor:
    temperature = 1.0
    soft = F.cross_entropy(student.logits, F.softmax(teacher.logits / temperature, dim=1))
    return 0.5 * F.cross_entropy(student.logits, target) + 0.5 * soft


def of_map(function: Callable[[Tensor, Tensor], Tensor]) -> Plain:
    return lambda student, teacher, _: function(student.features["map"], teacher.features["map"])


def of_vector(function: Callable[[Tensor, Tensor], Tensor]) -> Plain:
    return lambda student, teacher, _: function(student.features["vector"], teacher.features["vector"])


class PlainVid(nn.Module):
    """The variances are parameters."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.raw = nn.Parameter(torch.full((channels,), log(exp(5 - 1e-5) - 1)))

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The loss."""
        variance = torch.log(1 + self.raw.exp()).view(1, -1, 1, 1, 1) + 1e-5
        return 0.5 * ((student - teacher) ** 2 / variance + torch.log(variance)).mean()


def attention(value: Tensor) -> Tensor:
    return F.normalize(value.pow(2).mean(dim=1).flatten(1), dim=1)


def at(student: Tensor, teacher: Tensor) -> Tensor:
    return (attention(student) - attention(teacher)).pow(2).mean()


def ft(student: Tensor, teacher: Tensor) -> Tensor:
    return (attention(student) - attention(teacher)).abs().mean()


def nst(student: Tensor, teacher: Tensor) -> Tensor:
    ours, theirs = (F.normalize(value.flatten(2), dim=2) for value in (student, teacher))

    def kernel(first: Tensor, second: Tensor) -> Tensor:
        return torch.bmm(first, second.transpose(1, 2)).pow(2).mean()

    return kernel(theirs, theirs) + kernel(ours, ours) - 2 * kernel(ours, theirs)


def cwd(student: Tensor, teacher: Tensor) -> Tensor:
    ours, theirs = (value.flatten(2).flatten(0, 1) for value in (student, teacher))
    return kl(ours, theirs, 4.0) / len(ours)


def pkd(student: Tensor, teacher: Tensor) -> Tensor:
    def norm(value: Tensor) -> Tensor:
        rows = value.transpose(0, 1).flatten(1)
        return (rows - rows.mean(dim=1, keepdim=True)) / (rows.std(dim=1, keepdim=True) + 1e-6)

    return F.mse_loss(norm(student), norm(teacher)) / 2


def ab(student: Tensor, teacher: Tensor) -> Tensor:
    short = (student + 1) ** 2 * ((student > -1) & (teacher <= 0)).float()
    short = short + (student - 1) ** 2 * ((student <= 1) & (teacher > 0)).float()
    return short.sum() / len(student) / 1000 * 3


def ofd(student: Tensor, teacher: Tensor) -> Tensor:
    negative = (teacher < 0).float()
    margin = (teacher * negative).sum(dim=(0, 2, 3, 4)) / negative.sum(dim=(0, 2, 3, 4))
    target = torch.max(teacher, margin.view(1, -1, 1, 1, 1))
    loss = F.mse_loss(student, target, reduction="none")
    return (loss * ((student > target) | (target > 0)).float()).mean()


def fsp(student: Output, teacher: Output, target: Tensor) -> Tensor:
    del target

    def matrix(output: Output) -> Tensor:
        first, second = (output.features[tap].flatten(2) for tap in ("map", "next"))
        return torch.bmm(first, second.transpose(1, 2)) / first.shape[2]

    return (matrix(student) - matrix(teacher)).pow(2).mean()


def hcl(student: Tensor, teacher: Tensor) -> Tensor:
    loss, weight, total = F.mse_loss(student, teacher), 1.0, 1.0
    for level in (4, 2, 1):
        weight /= 2
        pair = (F.adaptive_avg_pool3d(value, level) for value in (student, teacher))
        loss = loss + F.mse_loss(*pair) * weight
        total += weight
    return loss / total


def rkd_distance(student: Tensor, teacher: Tensor) -> Tensor:
    def relative(value: Tensor) -> Tensor:
        squares = value.pow(2).sum(dim=1)
        found = (squares[:, None] + squares - 2 * value @ value.t()).clamp(min=1e-12).sqrt()
        found = found * (1 - torch.eye(len(value)))
        return found / found[found > 0].mean()

    return F.smooth_l1_loss(relative(student), relative(teacher))


def rkd_angle(student: Tensor, teacher: Tensor) -> Tensor:
    def cosines(value: Tensor) -> Tensor:
        directions = F.normalize(value.unsqueeze(0) - value.unsqueeze(1), dim=2)
        return torch.bmm(directions, directions.transpose(1, 2))

    return F.smooth_l1_loss(cosines(student), cosines(teacher))


def pkt(student: Tensor, teacher: Tensor) -> Tensor:
    def probabilities(value: Tensor) -> Tensor:
        directions = F.normalize(value, dim=1)
        likeness = (directions @ directions.t() + 1) / 2
        return likeness / likeness.sum(dim=1, keepdim=True)

    p, q = probabilities(teacher), probabilities(student)
    return (p * torch.log((p + 1e-7) / (q + 1e-7))).mean()


def cc(student: Tensor, teacher: Tensor) -> Tensor:
    gap = torch.abs(student.flatten(1) - teacher.flatten(1))
    return (gap[:-1] * gap[1:]).sum(dim=1).mean()


def cc_rbf(student: Tensor, teacher: Tensor) -> Tensor:
    def kernel(value: Tensor) -> Tensor:
        directions = F.normalize(value, dim=1)
        cosines = directions @ directions.t()
        return sum(exp(-0.8) * 0.8**p / factorial(p) * cosines**p for p in range(3))

    return F.mse_loss(kernel(student), kernel(teacher))


def cka(student: Tensor, teacher: Tensor) -> Tensor:
    centre = torch.eye(len(student)) - 1 / len(student)
    ours, theirs = (centre @ (value @ value.t()) @ centre for value in (student, teacher))
    return 1 - (ours * theirs).sum() / (ours.norm() * theirs.norm())


def sp(student: Tensor, teacher: Tensor) -> Tensor:
    ours, theirs = (F.normalize(value @ value.t(), dim=1) for value in (student, teacher))
    return (ours - theirs).pow(2).sum() / len(student) ** 2


class PlainCrd(nn.Module):
    """The embeddings are parameters."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed_student, self.embed_teacher = nn.Linear(width, 128), nn.Linear(width, 128)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The loss."""
        ours = F.normalize(self.embed_student(student), dim=1)
        theirs = F.normalize(self.embed_teacher(teacher), dim=1)
        odds = torch.exp(ours @ theirs.t() / 0.07)
        h = odds / (odds + 1)
        own = torch.eye(len(ours), dtype=torch.bool)
        return -(h[own].log().sum() + (1 - h[~own]).log().sum()) / len(ours)
