"""Sphinx configuration. Everything is local: no page loads anything from the network."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # the package "generate" lies beside this file

from generate import write_all  # noqa: E402
from generate.docstrings import HOUSE_SECTIONS, house_sections_to_notes  # noqa: E402
from generate.gallery import forget_outdated  # noqa: E402
from numpydoc.docscrape import NumpyDocString  # noqa: E402

project = "archmodel"
version = release = installed_version("archmodel")
extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc", "sphinx_design", "sphinx_gallery.gen_gallery"]
exclude_patterns = ["_build", "gallery", "stories"]  # the last two are scripts, whose pages are in "generated"

sphinx_gallery_conf = {
    "examples_dirs": ["gallery", "stories"],
    "gallery_dirs": ["generated/gallery", "generated/stories"],
    "filename_pattern": r"\.py$",  # all of them are run
    "within_subsection_order": "generate.gallery.ReadingOrder",
    "image_scrapers": ["generate.gallery.scrape_figures"],
    "capture_repr": (),  # a page shows what its script prints
    "download_all_examples": False,
    "show_signature": False,
    "min_reported_time": float("inf"),  # pages are the same whenever they are made
    "write_computation_times": False,
}

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

default_role = "py:obj"  # `name` in docstrings
autodoc_typehints = "none"  # numpydoc sections say what parameters are
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
python_maximum_signature_line_length = 100

html_theme = "pydata_sphinx_theme"
html_title = "archmodel"
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False
html_theme_options = {
    "header_links_before_dropdown": 6,
    "navbar_end": ["theme-switcher"],
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
}


# numpydoc reads docstrings for their signatures, too, and warns of sections that it does not know.
NumpyDocString.sections |= dict.fromkeys(HOUSE_SECTIONS, "")


def setup(app):
    app.connect("builder-inited", lambda app: write_all(HERE))
    app.connect("builder-inited", lambda app: forget_outdated(HERE), priority=400)  # before the gallery is made (500)
    # Before numpydoc (500), which renders the sections that it knows only.
    app.connect("autodoc-process-docstring", house_sections_to_notes, priority=400)
