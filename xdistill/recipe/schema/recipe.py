"""What a recipe holds. Pure data: importing this loads neither torch nor a plugin."""

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
    ValidationInfo,
    field_validator,
    model_serializer,
)
from pydantic_core import PydanticCustomError

from xdistill.recipe.schema.compute import Compute, Loader
from xdistill.recipe.schema.missing import Missing
from xdistill.recipe.schema.section import Grown, Section
from xdistill.recipe.schema.teacher_cache import TeacherCache
from xdistill.recipe.schema.tuning import Tune

Control = Literal["shuffled_privileged", "constant_teacher", "label_smoothing", "self_distillation"]
CONTROLS: tuple[Control, ...] = get_args(Control)


class Block(BaseModel):
    """A component by name with its settings, which its plugin checks when the recipe is assembled."""

    model_config = ConfigDict(frozen=True, extra="allow")

    use: str = Field(description="name of the component; `xdistill plugins list` shows all")

    def raw(self) -> dict[str, Any]:
        """The block as a dictionary, ``use`` included."""
        return self.model_dump()

    def settings(self) -> dict[str, Any]:
        """The settings alone."""
        return dict(self.model_extra or {})


class Term(Block):
    """One term of an objective: a task loss on one network, or a distillation loss between the two."""

    on: Literal["student", "teacher"] | None = Field(
        default=None, description="the network a task loss is put on; task losses only, default student"
    )
    weight: Annotated[float, Field(ge=0)] = Field(default=1.0, description="factor of this term in the sum")
    output: str = Field(
        default="logits", description="which logits a task loss scores: `logits` or the name of an auxiliary output"
    )
    detach_teacher: bool = Field(default=True, description="distillation losses: send no gradient into the teacher")


class Optimizer(Section):
    """Optimiser, learning-rate schedule and gradient clipping."""

    use: Literal["adamw", "adam", "sgd"] = Field(default="adamw", description="the optimiser")
    lr: Annotated[float, Field(gt=0)] = Field(default=1e-3, description="peak learning rate")
    weight_decay: Annotated[float, Field(ge=0)] = Field(default=1e-4, description="weight decay")
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(default=0.9, description="momentum of sgd")
    schedule: Literal["cosine", "constant", "linear"] = Field(
        default="cosine", description="how the learning rate falls over a stage, step by step"
    )
    warmup: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="share of the steps over which the learning rate rises from zero"
    )
    clip_norm: Annotated[float, Field(gt=0)] | None = Field(
        default=5.0, description="largest norm of the gradient over all trained parameters; null: no clipping"
    )


class TrainStage(Section):
    """One stage of training by gradient: what learns, for how long, towards what."""

    name: str = Field(description="unique among the stages")
    train: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        description="networks that learn in this stage, or parts of them by dotted path, such as "
        "`student.branches`; all else is frozen in eval mode"
    )
    epochs: Annotated[int, Field(ge=1)] = Field(description="passes over the training subjects")
    objective: Annotated[tuple[Term, ...], Field(min_length=1)] = Field(description="terms of the loss")
    optimizer: Optimizer | None = Field(default=None, description="default: the recipe's optimizer")
    batch_size: Annotated[int, Field(ge=1)] | None = Field(default=None, description="default: the recipe's")


class FitStage(Section):
    """One stage that fits estimators, at once and without gradient, to what reaches them."""

    name: str = Field(description="unique among the stages")
    fit: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        description="estimators within networks, by dotted path such as `student.head`, one after the other; each is "
        "fitted to what its network makes of the training subjects, in eval mode and without augmentation"
    )


def _kind_of_stage(stage: Any) -> str | None:
    """Which kind of stage somebody means; None when nobody can tell."""
    if isinstance(stage, Section):
        return _FIT if isinstance(stage, FitStage) else _TRAIN
    if not isinstance(stage, Mapping):
        return _TRAIN
    if "fit" in stage:
        return None if "train" in stage else _FIT
    return _TRAIN if stage.keys() & (TrainStage.model_fields.keys() - {"name"}) else None


_TRAIN, _FIT = STAGE_TAGS = ("train stage", "fit stage")  # pydantic puts them into the places of problems

Stage = Annotated[
    Annotated[TrainStage, Tag(_TRAIN)] | Annotated[FitStage, Tag(_FIT)],
    Discriminator(
        _kind_of_stage,
        custom_error_type="kind_of_stage",
        custom_error_message="a stage has either `train`, with `epochs` and `objective`, for training by gradient, or "
        "`fit` for estimators; write one stage for each",
    ),
]


class Crossval(Grown):
    """Repeated, stratified, grouped cross-validation."""

    added = frozenset({"official"})

    folds: Annotated[int, Field(ge=2)] = Field(default=5, description="folds a repeat")
    repeats: Annotated[int, Field(ge=1)] = Field(default=1, description="how often the cohort is split anew")
    stratify: bool = Field(default=True, description="keep the classes' shares in each fold")
    seed: int = Field(default=0, description="seed of the splits")
    validation: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0,
        description="share of the training subjects kept aside to choose the epoch by; 0: the last epoch counts",
    )
    official: bool = Field(
        default=False,
        description="take the training and test part that the data set says are official, as the only fold, in place "
        "of cross-validation; `folds` and `stratify` then do not matter",
    )

    @field_validator("official")
    @classmethod
    def _once(cls, official: bool, info: ValidationInfo) -> bool:
        if official and info.data.get("repeats", 1) > 1:
            raise PydanticCustomError(
                "official_once",
                "there is only one official split, so `crossval.repeats` must be 1; vary `seed` to repeat the training",
            )
        return official


class CacheRecipe(Section):
    """How the cohort is kept on disk."""

    compression: Literal["none", "lzf", "blosc2"] = Field(default="none", description="of the volumes")
    dtype: Literal["float32", "float16"] = Field(default="float32", description="of the volumes")


class ExecutorBlock(Block):
    """Where the folds run."""

    use: str = Field(default="local", description="name of the executor; `xdistill plugins list` shows all")


class Recipe(Section):
    """An experiment: a cohort, a teacher, a student, how they are trained and how they are tested."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$",
        description="letters, digits, `_`, `.` and `-`, in parts with `/` between; also the folder below `runs/`",
    )
    description: str = Field(default="", description="free text")
    data: Block = Field(description="the cohort: a data set and its settings")
    cache: CacheRecipe = Field(default=CacheRecipe(), description="how the cohort is kept on disk")
    transforms: tuple[Block, ...] = Field(
        default=(), description="fitted on the training subjects of each split, in this order"
    )
    augment: tuple[Block, ...] = Field(default=(), description="random changes of training batches, in this order")
    missing: Missing = Field(
        default=Missing(), description="what becomes of subjects who lack something that only the teacher reads"
    )
    teacher: Block | None = Field(default=None, description="null: supervised training of the student alone")
    student: Block = Field(description="the network that is tested")
    privileged: tuple[str, ...] | None = Field(
        default=None,
        description="modalities that the student must not have; stated here, the recipe is refused if it has one",
    )
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)] = Field(description="stages of training, in order")
    optimizer: Optimizer = Field(default=Optimizer(), description="for every stage that has none of its own")
    loader: Loader = Field(default=Loader(), description="how subjects become batches")
    compute: Compute = Field(default=Compute(), description="what the arithmetic runs on")
    crossval: Crossval = Field(default=Crossval(), description="how the cohort is split")
    teacher_cache: TeacherCache = Field(
        default=TeacherCache(), description="whether teachers are kept for other runs; not part of a run's identity"
    )
    metrics: tuple[Block, ...] = Field(default=(), description="metrics of plugins, besides the standard ones")
    callbacks: tuple[Block, ...] = Field(
        default=(), description="called by the trainer during each training stage, in this order"
    )
    diagnostics: bool = Field(
        default=False,
        description="measure, after each epoch, the gradients of the terms and how alike teacher and student are",
    )
    trackers: tuple[Block, ...] = Field(
        default=(), description="where the run is shown while it goes on; not part of a run's identity"
    )
    executor: ExecutorBlock = Field(
        default=ExecutorBlock(), description="where the folds run; not part of a run's identity"
    )
    seed: int = Field(default=0, description="seed of weights, batches and augmentation")
    control: Control | None = Field(
        default=None,
        description="run a null control in place of the recipe; the options `--control` and `--with-controls` set it",
    )
    tune: Tune | None = Field(
        default=None, description="what `xdistill tune` searches; `xdistill run` does not look at it"
    )
    inferred: tuple[str, ...] = Field(
        default=(), description="places in this recipe that its source does not state and somebody filled in"
    )

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
        """Leave out what is not asked for, so that runs from before it existed keep their ids."""
        plain: dict[str, Any] = handler(self)
        unasked = {name for name, asked in _ASKED.items() if not asked(self)}
        return {name: value for name, value in plain.items() if name not in unasked}


_ASKED: Mapping[str, Callable[[Recipe], bool]] = {
    "missing": lambda recipe: recipe.missing.use != "refuse",
    "callbacks": lambda recipe: bool(recipe.callbacks),
    "control": lambda recipe: recipe.control is not None,
    "teacher_cache": lambda recipe: recipe.teacher_cache != TeacherCache(),
    "tune": lambda recipe: recipe.tune is not None,
}
