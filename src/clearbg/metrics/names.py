"""The vocabulary of metrics: their names, families, labels, and where better is.

What a metric measures, and its source, stands in the module of its family.
"""

from typing import Literal

Family = Literal["saliency", "segmentation", "matting", "document"]
Protocol = Literal["raw", "min_max"]
Selectable = Literal[
    "loss", "mae", "alpha_mae", "max_f", "mean_f", "weighted_f", "s_measure", "mean_e",
    "dice", "iou", "pixel_accuracy", "sad", "mse", "gradient", "connectivity",
    "f_measure", "pseudo_f", "psnr", "drd",
]  # fmt: skip
"""What weights and champions can be selected by."""

MATTING_ERRORS = ("sad", "mse", "gradient", "connectivity")

FAMILIES: dict[str, tuple[str, ...]] = {
    "saliency": (
        "max_f", "mean_f", "adaptive_f", "weighted_f", "s_measure", "max_e", "mean_e",
        "adaptive_e",
    ),
    "segmentation": ("dice", "iou", "pixel_accuracy", "mae", "alpha_mae", "empty_alpha"),
    "matting": (*MATTING_ERRORS, *(f"{name}_unknown" for name in MATTING_ERRORS)),
    "document": ("f_measure", "pseudo_f", "psnr", "drd"),
}  # fmt: skip
"""Family -> the names in its part of a summary."""

LABELS = {
    "max_f": ("max Fβ", "↑"),
    "mean_f": ("mean Fβ", "↑"),
    "adaptive_f": ("adaptive Fβ", "↑"),
    "weighted_f": ("weighted F", "↑"),
    "s_measure": ("S-measure", "↑"),
    "max_e": ("max E-measure", "↑"),
    "mean_e": ("mean E-measure", "↑"),
    "adaptive_e": ("adaptive E-measure", "↑"),
    "mae": ("MAE", "↓"),
    "alpha_mae": ("MAE, soft truth", "↓"),
    "empty_alpha": ("alpha on empty images", "↓"),
    "mean_alpha": ("mean alpha", ""),
    "dice": ("Dice", "↑"),
    "iou": ("IoU", "↑"),
    "pixel_accuracy": ("pixel accuracy", "↑"),
    "f_measure": ("F-measure", "↑"),
    "pseudo_f": ("pseudo-F-measure", "↑"),
    "psnr": ("PSNR, dB", "↑"),
    "drd": ("DRD", "↓"),
    "sad": ("SAD, thousands", "↓"),
    "mse": ("MSE", "↓"),
    "gradient": ("gradient error, thousands", "↓"),
    "connectivity": ("connectivity error, thousands", "↓"),
    "sad_unknown": ("SAD, unknown band", "↓"),
    "mse_unknown": ("MSE, unknown band", "↓"),
    "gradient_unknown": ("gradient error, unknown band", "↓"),
    "connectivity_unknown": ("connectivity error, unknown band", "↓"),
    "calibration_error": ("calibration error", "↓"),
    "boundary_iou": ("boundary IoU", "↑"),
    "boundary_f_1": ("boundary F, 1 pixel", "↑"),
    "boundary_f_2": ("boundary F, 2 pixels", "↑"),
    "boundary_f_3": ("boundary F, 3 pixels", "↑"),
    "hce": ("HCE, corrections", "↓"),
    "halo_black": ("halo on black, gray levels", "↓"),
    "halo_white": ("halo on white, gray levels", "↓"),
    "halo_green": ("halo on green, gray levels", "↓"),
}
"""Metrics as a reader knows them, and where better is."""

LOWER_IS_BETTER = frozenset(
    {"loss", *(name for name, (_, arrow) in LABELS.items() if arrow == "↓")}
)

SHOWN = (
    "max_f", "weighted_f", "s_measure", "f_measure", "pseudo_f", "psnr", "drd", "gradient", "sad",
    "mse", "mae", "dice", "iou", "pixel_accuracy", "empty_alpha",
)  # fmt: skip
"""Metrics for a short list, in this order after the headline."""

ON_MODEL_CARD = frozenset(
    "max_f mae alpha_mae dice iou pixel_accuracy gradient sad mse f_measure psnr".split()
)
"""What the model's card tells beside the metric that chose the weights."""

PROTOCOLS = {
    "raw": "alpha as the model gives it; images without a subject are left out of F and show "
    "in “alpha on empty images”, the mean alpha where there is nothing to see.",
    "min_max": "each prediction stretched to [0, 1] and an empty truth counted as F = 0, as "
    "published tables do.",
    "clean": "as the first column, without the images that the model was trained on duplicates of.",
    "otsu": "what one global threshold, chosen by Otsu's method, reaches on the same pages.",
    "mean_mask": "the mean alpha of the training images, resized to each image.",
    "all_subject": "a mask that says “subject” everywhere.",
    "no_subject": "a mask that says “background” everywhere.",
}
"""Columns of averages: what each of them means."""


def label(metric: str) -> str:
    """The metric as a reader knows it; an unknown one as it is."""
    return LABELS.get(metric, (metric, ""))[0]


def heading(metric: str) -> str:
    """The label, and an arrow to where better is."""
    return " ".join(LABELS.get(metric, (metric, ""))).rstrip()


def family_of(metric: str) -> str:
    """The family that a metric belongs to.

    Raises:
        ValueError: no family knows the metric.
    """
    for family, names in FAMILIES.items():
        if metric in names:
            return family
    known = ", ".join(name for names in FAMILIES.values() for name in names)
    raise ValueError(f"metric {metric!r} is not known; known: {known}")


def families_of(metric: str) -> tuple[str, ...]:
    """The families to score by for this metric to be among the scores; none for "loss"."""
    return () if metric == "loss" else (family_of(metric),)
