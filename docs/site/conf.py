"""How Sphinx makes the site out of the pages that pages.py writes.

``SITE_URL`` is the address at which it will be published. Only the page for what is not found needs
it, because that page is shown at any depth; GitHub's own address is assumed.
"""

import os
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
about = tomllib.loads((HERE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
address = about["urls"]["Repository"].rstrip("/")
site = os.environ.get("SITE_URL", "").rstrip("/")

project = html_title = "First Dance with MLOps"
language = "en"
extensions = ["myst_nb", "offline"]
templates_path = ["templates"]

nb_execution_mode = "off"
nb_ipywidgets_js = {}
# Of a view, the picture.
nb_mime_priority_overrides = [
    ("html", "application/vnd.jupyter.widget-view+json", None),
    ("html", "image/png", 25),
]
nb_merge_streams = True
nb_render_markdown_format = "myst"
nb_code_prompt_show = "Show the setup cell"
nb_code_prompt_hide = "Hide the setup cell"
myst_enable_extensions = ["attrs_block", "dollarmath"]
myst_heading_anchors = 4
html_math_renderer = "mathml"

html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "logo": {"image_light": "static/logo.svg", "image_dark": "static/logo.svg", "text": project},
    "search_bar_text": "Search the lessons",
    "github_url": address,
    "navbar_center": [],
    "article_header_start": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 1,
    "footer_start": ["about"],
    "footer_end": [],
}
html_sidebars = {"**": ["contents"]}
html_additional_pages = {"404": "404.html"}
html_baseurl = f"{site}/" if site else ""
html_context = {
    "default_mode": "auto",
    "address": address,
    "license": about["license"],
    "base": f"{urlsplit(site).path if site else '/' + address.rpartition('/')[2]}/",
}
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_favicon = "static/logo.svg"
html_copy_source = False
html_show_sourcelink = False
html_use_index = False
