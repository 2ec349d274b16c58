"""How an image becomes a model's input: shipped with the model, never set by hand elsewhere.

Training writes the contract into `models/model.json`, export copies it into the ONNX file's
metadata. Evaluation and removal read it from there, so that they cannot differ.

What is read is checked by pydantic's core alone: `clearbg remove` reads a contract at every start,
and pydantic's classes would cost it 60 ms more.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic_core import ErrorDetails, SchemaValidator, ValidationError
from pydantic_core import core_schema as schema

from clearbg.errors import ModelError
from clearbg.licenses import Commercial, Origin
from clearbg.metrics.names import FAMILIES
from clearbg.system import project
from clearbg.system.files import file_sha256
from clearbg.system.parsing import ParseError, parse_json, shown

FORMAT = 3
FILE, WEIGHTS = "model.json", "weights.safetensors"  # in a models folder
METADATA_KEY = "clearbg"  # in an ONNX file
MAX_SIDE = 8192  # pixels of the network's input
MAX_PIXELS = 2**24  # of it: 4096×4096, which are 200 MB of numbers
MAX_MEAN = 1e6  # and of std, whose smallest is its inverse: float32 divides by it without overflow
CHANNELS = {"RGB": 3, "L": 1, "darker": 1}
HEADLINES = ["loss", "unknown", *(name for names in FAMILIES.values() for name in names)]

Fit = Literal["stretch", "tile"]
Kernel = Literal["bilinear", "bicubic", "lanczos"]
ColorOrder = Literal["RGB", "L", "darker"]
Output = Literal["cutout", "ink"]


@dataclass(frozen=True)
class Contract:
    """Preprocessing and provenance of one set of weights.

    Attributes:
        model: a name of `clearbg.models.MODELS`.
        settings: what `clearbg.models.build` takes beside it.
        height, width: of the network's input, 1 to 8192 pixels.
        fit: "stretch": the whole image is resized to one input; "tile": the image is cut, at its
            own size, into inputs that share `overlap` pixels with their neighbors.
        overlap: pixels, less than half of height and width.
        kernel: Pillow's resampling kernel for "stretch".
        color_order: "RGB", or one channel: "L", the luma, or "darker", the lesser of R and G.
        mean, std: of each channel, of values in [0, 1]; no std is 0.
        threshold: alpha from which a pixel counts as foreground in a mask, above 0 and up to 1.
        output: "cutout": the subject keeps its colors; "ink": it becomes black ink.
        headline: the metric that the weights were selected by; "loss"; or, of weights that were
            imported, "unknown".
        weights_sha256: of the safetensors file.
        data_digest: of the manifest that the weights were trained on; empty when unknown.
        data_license: terms of those images.
        images_sha256: of training_images.csv, which lists all images that the weights have seen;
            empty when unknown.
        trained_on: the sources of these images; those of the weights that the training started
            from come first; empty when unknown.
        antialias: that the kernel averages where it reduces; always true.
        format: version of this list; a reader of another version refuses.
    """

    model: str
    settings: dict[str, Any]
    height: int
    width: int
    fit: Fit
    overlap: int
    kernel: Kernel
    color_order: ColorOrder
    mean: tuple[float, ...]
    std: tuple[float, ...]
    threshold: float
    output: Output
    headline: str
    weights_sha256: str
    data_digest: str
    data_license: str
    images_sha256: str = ""
    trained_on: tuple[Origin, ...] = ()
    antialias: bool = True
    format: int = FORMAT

    @property
    def channels(self) -> int:
        return len(self.mean)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True) + "\n"


def parse_contract(text: str | bytes, origin: str) -> Contract:
    """Read a contract from JSON; `origin` names the file in messages.

    Raises:
        ModelError: the text is no contract, a value is not allowed, or this version of ClearBG
            cannot do what it asks for.
    """
    facts = _json(text, origin)
    if facts.get("format", FORMAT) != FORMAT:  # first: another version may have other keys
        raise ModelError(
            f"{origin} asks for format = {shown(facts['format'])}, and this version of ClearBG "
            f"can only do {FORMAT}: update ClearBG, or export the model again."
        )
    try:
        facts = CHECK.validate_python(facts, strict=True)
    except ValidationError as error:
        raise ModelError(_sentence(origin, error.errors()[0])) from error
    facts["mean"], facts["std"] = tuple(facts["mean"]), tuple(facts["std"])
    facts["trained_on"] = tuple(Origin(**fact) for fact in facts.get("trained_on", ()))
    contract = Contract(**facts)
    if wrong := _contradiction(contract):
        raise ModelError(f"{origin}: {wrong}: export the model again.")
    return contract


def read_contract(folder: Path) -> Contract:
    """The contract in a models folder, checked to be the contract of the weights beside it.

    Raises:
        ModelError: a file is missing, or is not what it should be.
    """
    path, weights = folder / FILE, folder / WEIGHTS
    for file in (path, weights):
        if not file.is_file():
            raise ModelError(f"{file} does not exist: {project.to_run('dvc repro train')}.")
    contract = parse_contract(path.read_bytes(), str(path))
    if file_sha256(weights) != contract.weights_sha256:
        raise ModelError(
            f"{weights} is not the file that {path} describes: take both from the same training."
        )
    return contract


def _known(values: Any) -> schema.CoreSchema:
    return schema.literal_schema(list(get_args(values)))


def _keys(**fields: schema.CoreSchema) -> schema.CoreSchema:
    return schema.typed_dict_schema(
        {
            name: schema.typed_dict_field(field, required=name not in HAVE_DEFAULTS)
            for name, field in fields.items()
        },
        extra_behavior="forbid",
    )


def _sha256(optional: bool) -> schema.CoreSchema:
    return schema.str_schema(pattern="^([0-9a-f]{64})?$" if optional else "^[0-9a-f]{64}$")


HAVE_DEFAULTS = {"images_sha256", "trained_on", "antialias", "format"}
SIDE = schema.int_schema(ge=1, le=MAX_SIDE)
LINE = schema.str_schema(max_length=1000, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")
CHANNEL_VALUES = schema.list_schema(
    schema.float_schema(ge=-MAX_MEAN, le=MAX_MEAN, allow_inf_nan=False), min_length=1, max_length=3
)
PLAIN = schema.union_schema(
    [
        schema.bool_schema(),
        schema.int_schema(ge=-(2**63), lt=2**63),
        schema.float_schema(allow_inf_nan=False),
        schema.str_schema(max_length=1000),
        schema.none_schema(),
    ]
)
CHECK = SchemaValidator(
    _keys(
        model=schema.str_schema(max_length=100, pattern=r"^\w+$"),
        settings=schema.dict_schema(
            schema.str_schema(max_length=100),
            schema.union_schema([PLAIN, schema.list_schema(PLAIN, max_length=100)]),
            max_length=100,
        ),
        height=SIDE,
        width=SIDE,
        fit=_known(Fit),
        overlap=schema.int_schema(ge=0),
        kernel=_known(Kernel),
        color_order=_known(ColorOrder),
        mean=CHANNEL_VALUES,
        std=CHANNEL_VALUES,
        threshold=schema.float_schema(gt=0, le=1, allow_inf_nan=False),
        output=_known(Output),
        headline=schema.literal_schema(HEADLINES),
        weights_sha256=_sha256(optional=False),
        data_digest=_sha256(optional=True),
        data_license=LINE,
        images_sha256=_sha256(optional=True),
        trained_on=schema.list_schema(
            _keys(
                source=LINE,
                license=LINE,
                commercial=_known(Commercial),
                condition=LINE,
                images=schema.nullable_schema(schema.int_schema(ge=0, lt=2**63)),
            ),
            max_length=100,
        ),
        antialias=schema.literal_schema([True]),
        format=schema.literal_schema([FORMAT]),
    )
)


def _json(text: str | bytes, origin: str) -> dict[str, Any]:
    """The object that a JSON text holds."""
    try:
        facts = parse_json(text)
    except ParseError as error:
        if text and str(error) != "is no JSON":
            raise ModelError(f"{origin}: its contract {error}: export the model again.") from None
        facts = None
    if not isinstance(facts, dict):
        raise ModelError(
            f"{origin} holds no preprocessing contract: export the model again with ClearBG."
        )
    return facts


def _contradiction(contract: Contract) -> str | None:
    """What is wrong between values that are right one by one."""
    channels = CHANNELS[contract.color_order]
    for name in ("mean", "std"):
        if len(getattr(contract, name)) != channels:
            return (
                f"{name} has {len(getattr(contract, name))} values, and color_order = "
                f"{contract.color_order!r} has {channels}"
            )
    if 0 in contract.std:
        return "std holds a 0, by which no value can be divided"
    if any(abs(value) < 1 / MAX_MEAN for value in contract.std):
        return f"std holds {min(contract.std, key=abs):g}, which is nearly 0"
    if contract.height * contract.width > MAX_PIXELS:
        return f"the input has {contract.height}×{contract.width} pixels, more than {MAX_PIXELS}"
    if 2 * contract.overlap >= min(contract.height, contract.width):
        return (
            f"overlap = {contract.overlap}, which must be less than half of the input's "
            f"{contract.height}×{contract.width} pixels"
        )
    return None


def _sentence(origin: str, problem: ErrorDetails) -> str:
    """What pydantic found first, as a person would say it."""
    kind, place, value = problem["type"], problem["loc"], problem["input"]
    if place[0] == "settings":
        place = place[:2]  # the rest names the kinds of values that were tried
    key = ".".join(shown(part, quoted=False) for part in place)
    if kind == "missing":
        return f"{origin} lacks the key {key}: export the model again."
    if kind == "extra_forbidden":
        return f"{origin} has the unknown key {key}: update ClearBG, or export the model again."
    if kind == "literal_error":
        only = f"can only do {problem['ctx']['expected']}"
        only = "knows no such metric" if key == "headline" else only
        return (
            f"{origin} asks for {key} = {shown(value)}, and this version of ClearBG {only}: "
            "update ClearBG, or export the model again."
        )
    wanted = problem["msg"].removeprefix("Input ").removeprefix("String ").removeprefix("List ")
    wanted = wanted.removeprefix("Dictionary ")
    if "sha256" in key or key == "data_digest":
        wanted = "should be a SHA-256 of 64 hexadecimal digits"
    elif place[0] == "settings" and len(place) == 2:
        wanted = "should be a plain value or a list of plain values"
    return f"{origin}: {key} = {shown(value)}, but it {wanted}: export the model again."
