"""Templates of pages and Markdown files, filled in one way."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2

from clearbg.errors import ClearBGError


def render(template: Path, filters: Mapping[str, Callable[..., Any]], /, **values: Any) -> str:
    """The text of a template with `values`; the same arguments give the same text.

    What is put into a `.html.jinja` is escaped. Every template has the filter `cell`.

    Args:
        filters: further filters, name -> function of a value.

    Raises:
        ClearBGError: the template is not there.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=jinja2.select_autoescape(["html.jinja"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"cell": cell, **filters}
    try:
        loaded = environment.get_template(template.name)
    except jinja2.TemplateNotFound as error:
        raise ClearBGError(f"{template} does not exist: install ClearBG again.") from error
    return loaded.render(**values)


def cell(value: object) -> str:
    """A value as text that stays inside its cell of a Markdown table."""
    return " ".join(str(value).replace("|", "\\|").replace("<", "&lt;").split())
