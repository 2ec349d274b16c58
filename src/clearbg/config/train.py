"""The section `train`: how a network learns, for how long, and on which devices."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from clearbg.config.section import Accelerator, BelongsTo, Positive, Section
from clearbg.metrics.names import Selectable


class Train(Section):
    method: Literal["supervised", "adversarial"]
    epochs: Annotated[Positive | None, Field(description="passes over the training images")]
    steps: Annotated[Positive | None, Field(description="optimizer steps, in place of epochs")]
    minutes: Annotated[
        float | None,
        Field(
            gt=0, description="time in place of epochs: schedule, sizes and end follow the clock"
        ),
    ]
    batch_size: Annotated[
        Positive | Literal["auto"],
        Field(description="images of a process at once; auto: what fits into the GPU's memory"),
    ]
    accumulate: Annotated[
        Positive, Field(description="batches whose gradients make one optimizer step")
    ]
    sizes: Annotated[
        list[Annotated[list[float | int], Field(min_length=2, max_length=2)]] | None,
        Field(
            min_length=1,
            description="growing images: [[share of the training until which, pixels], ...]",
        ),
    ]
    init_from: Annotated[
        str | None, Field(description="weights to start from: a models folder or safetensors")
    ]
    init_sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")]
    loss: Annotated[
        Literal["bce", "rmse", "edge_rmse", "mse"] | None, BelongsTo("method", "supervised")
    ] = None
    iou_weight: Annotated[
        float | None, BelongsTo("method", "supervised"), Field(ge=0, description="0 = off")
    ] = None
    ssim_weight: Annotated[
        float | None, BelongsTo("method", "supervised"), Field(ge=0, description="0 = off")
    ] = None
    l1_weight: Annotated[
        float | None,
        BelongsTo("method", "adversarial"),
        Field(ge=0, description="of |G(x) - y| beside the adversarial loss"),
    ] = None
    discriminator_lr: Annotated[
        float | None, BelongsTo("method", "adversarial"), Field(gt=0, le=1)
    ] = None
    discriminator_widths: Annotated[
        list[Positive] | None, BelongsTo("method", "adversarial"), Field(min_length=1)
    ] = None
    discriminator_depths: Annotated[
        list[Positive] | None, BelongsTo("method", "adversarial"), Field(min_length=1)
    ] = None
    optimizer: Literal["adam", "adamw"]
    lr: Annotated[float, Field(gt=0, le=1)]
    weight_decay: Annotated[float, Field(ge=0, le=1)]
    schedule: Literal["constant", "step", "one_cycle", "cyclic", "cosine"]
    warmup: Annotated[
        float | None,
        BelongsTo("schedule", "one_cycle", "cosine"),
        Field(ge=0, lt=1, description="share of the steps that rise"),
    ] = None
    step_every: Annotated[
        Positive | None,
        BelongsTo("schedule", "step"),
        Field(description="epochs between two steps"),
    ] = None
    gamma: Annotated[
        float | None,
        BelongsTo("schedule", "step"),
        Field(gt=0, le=1, description="factor of each step"),
    ] = None
    cycle: Annotated[
        float | None, BelongsTo("schedule", "cyclic"), Field(gt=0, description="epochs of a cycle")
    ] = None
    clip_norm: Annotated[float, Field(ge=0, description="gradient norm; 0 = no clipping")]
    ema: Annotated[float, Field(ge=0, lt=1, description="decay of averaged weights; 0 = off")]
    select_by: Annotated[Selectable, Field(description="headline metric: the best epoch is kept")]
    early_stopping: Annotated[
        int, Field(ge=0, description="epochs without a better one after which it ends; 0 = never")
    ]
    freeze: Annotated[
        list[str], Field(description="parts of the network that keep their weights, as stage1")
    ]
    hard_examples: Annotated[
        float,
        Field(ge=0, le=1, description="how far images of larger error come more often; 0 = off"),
    ]
    determinism: Annotated[
        Literal["exact", "fast"],
        Field(description="exact: same bits on one type of machine; fast: the quickest algorithms"),
    ]
    compile: Annotated[
        Literal["off", "default", "reduce-overhead"],
        BeforeValidator(lambda value: "off" if value is False else value),  # YAML 1.1's off
        Field(description="torch.compile; reduce-overhead: with CUDA graphs"),
    ]
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    accelerator: Accelerator
    devices: Annotated[Positive, Field(description="of each machine")]
    nodes: Annotated[Positive, Field(description="machines; start each with torchrun")]
    sync_batch_norm: Annotated[
        bool, Field(description="statistics of batch norms over the batches of all devices")
    ]
    threads: Annotated[Positive, Field(description="CPU threads; changes the last digits")]
    workers: Annotated[int, Field(ge=0, description="processes that load images")]
    cache: Annotated[
        Literal["off", "auto", "on"],
        BeforeValidator(lambda v: {False: "off", True: "on"}[v] if isinstance(v, bool) else v),
        Field(description="decoded images in memory; auto: where they fit into half of it"),
    ]
    augment_on: Annotated[
        Literal["cpu", "device"],
        Field(description="where the random changes are made; device: when workers cannot keep up"),
    ]
    seed: Annotated[int, Field(ge=0)]
    checkpoint_seconds: Annotated[
        float, Field(ge=0, description="between two checkpoints; 0 = after every step")
    ]
    samples_every: Annotated[
        int, Field(ge=0, description="epochs between sample sheets; 0 = only at the end")
    ]
    tensorboard: Annotated[bool, Field(description="write TensorBoard logs beside MLflow's")]

    @property
    def batch(self) -> int:
        """Images of a process at once. Raises ValueError while `batch_size` is still auto."""
        return int(self.batch_size)

    @model_validator(mode="after")
    def _has_one_length(self) -> Self:
        lengths = [name for name in ("epochs", "steps", "minutes") if getattr(self, name)]
        if len(lengths) != 1:
            found = f"{' and '.join(lengths)} are set" if lengths else "none of them is set"
            raise ValueError(
                f"exactly one of epochs, steps and minutes says how long it lasts, and {found}; "
                "set the others to null"
            )
        if self.minutes and self.schedule in ("step", "cyclic"):
            raise ValueError(
                f"schedule = {self.schedule} counts epochs, and minutes = {self.minutes:g} gives "
                "no number of them; use one_cycle, cosine or constant, or set epochs"
            )
        return self

    @model_validator(mode="after")
    def _sizes_grow_to_the_end(self) -> Self:
        if self.sizes is None:
            return self
        shares = [share for share, _ in self.sizes]
        if shares != sorted({*shares}) or shares[0] <= 0 or shares[-1] != 1:
            raise ValueError(
                f"sizes = {self.sizes} must have growing shares of the training, the last one 1.0"
            )
        if any(size != int(size) or not 32 <= size <= 4096 for _, size in self.sizes):
            raise ValueError(f"sizes = {self.sizes} must have whole sizes from 32 to 4096 pixels")
        return self

    @model_validator(mode="after")
    def _keeps_the_gradients_of_parts(self) -> Self:
        if self.compile == "reduce-overhead" and self.accumulate > 1:
            raise ValueError(
                f"accumulate = {self.accumulate} keeps gradients that compile = reduce-overhead "
                "overwrites with each part of a step; set accumulate to 1, or compile to default"
            )
        return self
