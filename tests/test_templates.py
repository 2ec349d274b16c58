"""Pages and Markdown files from templates."""

import pytest

from clearbg.errors import ClearBGError
from clearbg.templates import render


@pytest.mark.parametrize("suffix, shown", [("html", "&lt;b&gt;"), ("md", "<b>")])
def test_values_are_escaped_in_html_alone(tmp_path, suffix, shown):
    template = tmp_path / f"page.{suffix}.jinja"
    template.write_text("{% if value %}\n  {% set x = 1 %}\n{{ value }}\n{% endif %}\n")
    assert render(template, {}, value="<b>") == f"{shown}\n"


def test_further_filters_are_known_beside_cell(tmp_path):
    template = tmp_path / "a.md.jinja"
    template.write_text("{{ value | cell }} {{ value | twice }}")
    assert render(template, {"twice": lambda text: 2 * text}, value="a|b") == "a\\|b a|ba|b"


def test_missing_template_is_a_sentence(tmp_path):
    with pytest.raises(ClearBGError, match=r"a\.md\.jinja does not exist: install ClearBG again\."):
        render(tmp_path / "a.md.jinja", {})
