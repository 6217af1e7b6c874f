"""The model of a recipe. Pure data: importing this loads neither torch nor a plugin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    field_validator,
    model_serializer,
)
from pydantic_core import PydanticCustomError

from xdistill.recipe.schema.compute import Compute, Loader
from xdistill.recipe.schema.cross_fit import CrossFit
from xdistill.recipe.schema.crossval import Crossval
from xdistill.recipe.schema.missing import Missing
from xdistill.recipe.schema.section import Grown, Section
from xdistill.recipe.schema.teacher_cache import TeacherCache
from xdistill.recipe.schema.tuning import Tune
from xdistill.recipe.schema.unlabelled import Unlabelled

Control = Literal["shuffled_privileged", "constant_teacher", "label_smoothing", "self_distillation"]
CONTROLS: tuple[Control, ...] = get_args(Control)


class Block(BaseModel):
    """A component by name, with its settings, which are checked when the recipe is assembled."""

    model_config = ConfigDict(frozen=True, extra="allow")

    use: str = Field(description="name of the component; `xdistill plugins list` shows all")

    def raw(self) -> dict[str, Any]:
        """The block as a dictionary, ``use`` included."""
        return self.model_dump()

    def settings(self) -> dict[str, Any]:
        """The settings alone."""
        return dict(self.model_extra or {})


class TermOptimizer(Section):
    """Optimizer settings of the parameters that a loss owns, such as those of an adapter or a gate."""

    lr: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="peak learning rate, on the stage's schedule; default: the stage's"
    )
    weight_decay: Annotated[float, Field(ge=0)] | None = Field(default=None, description="default: the stage's")


class Term(Block):
    """One term of an objective: a task loss of one network, or a distillation loss between both."""

    on: Literal["student", "teacher"] | None = Field(
        default=None, description="task losses only: the network whose output is scored; default: student"
    )
    weight: Annotated[float, Field(ge=0)] = Field(default=1.0, description="factor of this term in the sum")
    output: str = Field(
        default="logits",
        description="`logits` or the name of an auxiliary output. Task losses: the scored output. Distillation losses: "
        "the teacher's, such as a member of `several`, whose features `NAME.TAP` are then also called `TAP`",
    )
    detach_teacher: bool = Field(
        default=True, description="distillation losses only: no gradient flows into the network that teaches"
    )
    teaches: Literal["student", "teacher"] = Field(
        default="student",
        description="distillation losses only: the network that learns; `teacher`: the student teaches the teacher, "
        "as in mutual learning, where one stage trains both",
    )
    optimizer: TermOptimizer | None = Field(
        default=None, description="settings of the parameters that the loss owns; default: the stage's"
    )


class Optimizer(Section):
    """Optimizer, learning-rate schedule and gradient clipping."""

    use: Literal["adamw", "adam", "sgd"] = Field(default="adamw", description="the optimizer")
    lr: Annotated[float, Field(gt=0)] = Field(default=1e-3, description="peak learning rate")
    weight_decay: Annotated[float, Field(ge=0)] = Field(default=1e-4, description="weight decay")
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(default=0.9, description="momentum of `sgd`")
    schedule: Literal["cosine", "constant", "linear"] = Field(
        default="cosine", description="learning-rate schedule over the steps of a stage"
    )
    warmup: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="fraction of the steps in which the learning rate rises linearly from zero"
    )
    clip_norm: Annotated[float, Field(gt=0)] | None = Field(
        default=5.0, description="maximum norm of the gradient over all trained parameters; null: no clipping"
    )


_CROSS_FIT = (
    "for a stage that trains the teacher alone: afterwards, train one more teacher without each inner fold; in later "
    "stages each training subject is taught by the teacher that did not learn from it, and test subjects are predicted "
    "by the teacher that is trained on all training subjects"
)


class TrainStage(Grown):
    """One stage of gradient training: the trained networks, the number of epochs and the objective."""

    added = frozenset({"cross_fit"})

    name: str = Field(description="unique among the stages")
    train: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        description="networks to train, or parts of them by dotted path, such as `student.branches`; all other parts "
        "are frozen, in eval mode"
    )
    epochs: Annotated[int, Field(ge=1)] = Field(description="number of passes over the training subjects")
    objective: Annotated[tuple[Term, ...], Field(min_length=1, max_length=64)] = Field(description="terms of the loss")
    optimizer: Optimizer | None = Field(default=None, description="default: the recipe's optimizer")
    batch_size: Annotated[int, Field(ge=1)] | None = Field(default=None, description="default: the recipe's")
    cross_fit: CrossFit | None = Field(default=None, description=_CROSS_FIT)


class FitStage(Grown):
    """One stage that fits estimators to their inputs, without gradients."""

    added = frozenset({"cross_fit"})

    name: str = Field(description="unique among the stages")
    fit: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        description="estimators within networks, by dotted path such as `student.head`, one after the other; each is "
        "fitted to the vectors that its network computes for the training subjects, in eval mode and unaugmented"
    )
    cross_fit: CrossFit | None = Field(default=None, description=_CROSS_FIT)


def _kind_of_stage(stage: Any) -> str | None:
    """The kind of a stage; None when it is ambiguous."""
    if isinstance(stage, Section):
        return _FIT if isinstance(stage, FitStage) else _TRAIN
    if not isinstance(stage, Mapping):
        return _TRAIN
    if "fit" in stage:
        return None if "train" in stage else _FIT
    return _TRAIN if stage.keys() & (TrainStage.model_fields.keys() - FitStage.model_fields.keys()) else None


_TRAIN, _FIT = STAGE_TAGS = ("train stage", "fit stage")  # pydantic puts them into the `loc` of errors

Stage = Annotated[
    Annotated[TrainStage, Tag(_TRAIN)] | Annotated[FitStage, Tag(_FIT)],
    Discriminator(
        _kind_of_stage,
        custom_error_type="kind_of_stage",
        custom_error_message="a stage has either `train`, with `epochs` and `objective`, for training by gradient, or "
        "`fit` for estimators; write one stage for each",
    ),
]


class CacheRecipe(Section):
    """How the cohort file is stored."""

    compression: Literal["none", "lzf", "blosc2"] = Field(default="none", description="of the volumes")
    dtype: Literal["float32", "float16"] = Field(default="float32", description="of the volumes")


class ExternalTest(Block):
    """An external test cohort. Settings that it leaves out are those of `data` if both use the same data set."""

    use: str = Field(default="", description="name of the data set; empty: that of `data`")


class ExecutorBlock(Block):
    """The executor of the folds."""

    use: str = Field(default="local", description="name of the executor; `xdistill plugins list` shows all")


class Recipe(Section):
    """An experiment: a cohort, a teacher, a student, and how they are trained and tested."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$",
        description="letters, digits, `_`, `.` and `-`, in parts with `/` between; also the folder below `runs/`",
    )
    description: str = Field(default="", description="free text")
    data: Block = Field(description="the cohort: a data set and its settings")
    task: Block | None = Field(
        default=None,
        description="what is predicted, such as `{use: regression, targets: [crp]}`; null: the task of the data "
        "set, which is classification for nearly all bundled ones",
    )
    test: ExternalTest | None = Field(
        default=None, description="an external test cohort, which is never trained on; null: none"
    )
    cache: CacheRecipe = Field(default=CacheRecipe(), description="how the cohort file is stored")
    transforms: tuple[Block, ...] = Field(
        default=(), description="fitted on the training subjects of each split, applied in this order"
    )
    augment: tuple[Block, ...] = Field(
        default=(), description="random augmentations of training batches, applied in this order"
    )
    missing: Missing = Field(default=Missing(), description="how to treat subjects with missing privileged modalities")
    unlabelled: Unlabelled | None = Field(
        default=None, description="what is done with subjects without a label, and labels that are withheld"
    )
    teacher: Block | None = Field(
        default=None, description="the teacher network; null: supervised training of the student alone"
    )
    student: Block = Field(description="the student network, which is tested")
    privileged: tuple[str, ...] | None = Field(
        default=None,
        description="modalities that the student must not read; a recipe whose student reads one is rejected",
    )
    stages: Annotated[tuple[Stage, ...], Field(min_length=1, max_length=256)] = Field(
        description="stages of training, in order"
    )
    optimizer: Optimizer = Field(default=Optimizer(), description="default of the stages")
    loader: Loader = Field(default=Loader(), description="how batches are loaded")
    compute: Compute = Field(default=Compute(), description="device, precision and number of threads")
    crossval: Crossval = Field(default=Crossval(), description="how the cohort is split")
    teacher_cache: TeacherCache = Field(
        default=TeacherCache(), description="reuse of trained teachers in other runs; not part of a run's identity"
    )
    metrics: tuple[Block, ...] = Field(default=(), description="metrics of plugins, in addition to the standard ones")
    callbacks: tuple[Block, ...] = Field(
        default=(), description="called by the trainer during each training stage, in this order"
    )
    diagnostics: bool = Field(
        default=False,
        description="measure, after each epoch, the gradients of the terms and the similarity of teacher and student",
    )
    trackers: tuple[Block, ...] = Field(
        default=(), description="experiment trackers, such as TensorBoard; not part of a run's identity"
    )
    executor: ExecutorBlock = Field(
        default=ExecutorBlock(), description="the executor of the folds; not part of a run's identity"
    )
    seed: int = Field(default=0, description="seed of weights, batches and augmentation")
    control: Control | None = Field(
        default=None,
        description="run a null control instead of the recipe; set by the options `--control` and `--with-controls`",
    )
    tune: Tune | None = Field(default=None, description="the search of `xdistill tune`; ignored by `xdistill run`")
    inferred: tuple[str, ...] = Field(default=(), description="fields of this recipe that its source does not state")

    @field_validator("stages")
    @classmethod
    def _unique_stages(cls, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        names = [stage.name for stage in stages]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise PydanticCustomError(
                    "repeated_stage",
                    "duplicate stage name `{name}`; the names of stages must be unique",
                    {"name": name, "place": (index, "name")},
                )
        return stages

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out fields at their defaults that are newer than existing runs, so that these keep their ids."""
        plain: dict[str, Any] = handler(self)
        unasked = {name for name, asked in _ASKED.items() if not asked(self)}
        return {name: value for name, value in plain.items() if name not in unasked}


_ASKED: Mapping[str, Callable[[Recipe], bool]] = {
    "task": lambda recipe: recipe.task not in (None, Block(use="classification")),
    "missing": lambda recipe: recipe.missing.use != "refuse",
    "callbacks": lambda recipe: bool(recipe.callbacks),
    "control": lambda recipe: recipe.control is not None,
    "test": lambda recipe: recipe.test is not None,
    "teacher_cache": lambda recipe: recipe.teacher_cache != TeacherCache(),
    "tune": lambda recipe: recipe.tune is not None,
    "unlabelled": lambda recipe: recipe.unlabelled is not None,
}
