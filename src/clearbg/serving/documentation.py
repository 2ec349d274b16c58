"""What the server says about itself: OpenAPI, and a page of it without anything from elsewhere."""

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from clearbg.serving import rembg
from clearbg.serving.limits import Limits
from clearbg.serving.parameters import MEDIA_TYPES, OFFERED, description, schema
from clearbg.templates import render
from clearbg.web import MEGA

TEMPLATE = Path(__file__).with_name("docs.html.jinja")
FILE = {"type": "string", "format": "binary"}
SENTENCE = {
    "application/json": {"schema": {"type": "object", "properties": {"detail": {"type": "string"}}}}
}
REFUSALS = {
    "413": "The image has too many bytes or pixels.",
    "422": "The image or an option cannot be used.",
    "429": "The queue is full: come back after Retry-After seconds.",
    "503": "The model is not loaded yet, or the server is stopping.",
}


def of_remove() -> dict[str, Any]:
    """What OpenAPI says about /remove beside its title."""
    options = {
        name: {**schema(one), "description": description(one)} for name, one in OFFERED.items()
    }
    form = options | {"file": {**FILE, "description": "The image."}}
    form["background"] = {
        "description": options["background"]["description"],
        "anyOf": [{"type": "string"}, FILE],
    }
    return _described(options, form, {"image/*": {"schema": FILE}}, list(MEDIA_TYPES.values()))


def of_rembg() -> dict[str, Any]:
    """What OpenAPI says about /api/remove beside its title."""
    options = {
        name: {
            **TypeAdapter(kind).json_schema(),
            **({} if default is None else {"default": default}),
            "description": text,
        }
        for name, (kind, default, text) in rembg.PARAMETERS.items()
    }
    return _described(options, {"file": FILE} | options, {}, ["image/png"])


def page(openapi: dict[str, Any], model: str, limits: Limits, paged: bool) -> str:
    """The page /docs: HTML without scripts, on which an image can be tried.

    Args:
        paged: whether the server has the page for a browser too.
    """
    endpoints = [
        (method.upper(), path, facts)
        for path, methods in openapi["paths"].items()
        for method, facts in methods.items()
    ]
    return render(
        TEMPLATE,
        {},
        endpoints=endpoints,
        options=openapi["paths"]["/remove"]["post"]["parameters"],
        refusals=REFUSALS,
        model=model,
        paged=paged,
        version=openapi["info"]["version"],
        megabytes=f"{limits.file_bytes / MEGA:g}",
        megapixels=f"{limits.pixels / MEGA:g}",
    )


def _described(
    options: dict[str, Any], form: dict[str, Any], alone: dict[str, Any], media: list[str]
) -> dict[str, Any]:
    """An operation that takes a form, or what `alone` says, and answers with one of the media."""
    sent = {"schema": {"type": "object", "required": ["file"], "properties": form}}
    return {
        "parameters": _query(options),
        "requestBody": {"required": True, "content": {"multipart/form-data": sent} | alone},
        "responses": _responses(media),
    }


def _query(options: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": facts["description"],
            "schema": {key: value for key, value in facts.items() if key != "description"},
        }
        for name, facts in options.items()
    ]


def _responses(media: list[str]) -> dict[str, Any]:
    found = {"description": "The result.", "content": {one: {"schema": FILE} for one in media}}
    refused = {
        status: {"description": text, "content": SENTENCE} for status, text in REFUSALS.items()
    }
    return {"200": found, **refused}
