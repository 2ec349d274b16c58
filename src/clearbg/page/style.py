"""How the page looks: system fonts, a theme of Gradio's, and little on top. Nothing is fetched."""

import gradio as gr

FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
MONO = ["ui-monospace", "Menlo", "Consolas", "monospace"]

CSS = """
.gradio-container { width: 100%; max-width: 1180px !important; margin: 0 auto !important; }
.gradio-container > .main { width: 100%; }
#head .html-container, #told .html-container, #rows .html-container, #limits .html-container {
  padding: 0 2px;
}
#head h1 { font-size: 1.7rem; margin: 0; letter-spacing: -0.02em; }
#head p, .facts, #limits { color: var(--body-text-color-subdued); margin: 0; }
#limits { font-size: 0.85rem; }
.sorry {
  padding: 0.6rem 0.9rem; border-left: 4px solid #dc2626; border-radius: 6px;
  background: var(--error-background-fill); color: var(--error-text-color);
}
#behind { border: 0 !important; }
#slider img { width: 100%; height: 100%; max-height: none !important; object-fit: contain; }
#rows table {
  width: 100%; margin: 0.6rem 0 0; table-layout: fixed; border: 0; border-collapse: collapse;
}
#rows tr { border: 0; }
#rows th, #rows td {
  border: 0; border-bottom: 1px solid var(--border-color-primary); padding: 0.5rem 0.4rem;
  text-align: left; vertical-align: top; overflow-wrap: anywhere;
}
#rows th { font-weight: 600; color: var(--body-text-color-subdued); }
#rows th:last-child { width: 5rem; }
#rows th:last-child, #rows td:nth-child(3) { text-align: right; }
#rows .failed { color: var(--error-text-color); }
#model input { text-overflow: ellipsis; padding-right: 1.6rem; }
footer .divider { display: none; }
@media (max-width: 640px) {
  .gradio-container > .main { padding: 0.8rem !important; }
  #head h1 { font-size: 1.4rem; }
  #image, #slider { height: 340px !important; }
}
"""


def theme() -> gr.themes.Base:
    return gr.themes.Default(
        primary_hue="teal", neutral_hue="slate", radius_size="lg", font=FONT, font_mono=MONO
    )
