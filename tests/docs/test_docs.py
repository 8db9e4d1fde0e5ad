"""The documentation builds, loads nothing from the network, and everything it tells a reader to type works."""

from __future__ import annotations

import difflib
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from blocks import blocks_of, run_page

import archmodel as am
from archmodel.cli.plot import KINDS
from archmodel.verify.contract import unit_names
from archmodel.verify.toolchain import SIMULATORS, find_simulator

pytestmark = pytest.mark.timeout(900)  # whoever comes first compiles kernels, and builds all pages

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
WRITTEN = sorted(page for page in DOCS.rglob("*.md") if not {"_build", "generated"} & set(page.parts))
SCRIPTS = sorted(script for folder in ("gallery", "stories") for script in (DOCS / folder).glob("*.py"))
SESSIONS = [page for page in [ROOT / "README.md", *WRITTEN] if blocks_of(page.read_text(encoding="utf-8"))]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build with warnings as errors; a minute or two, as tables are computed by the models."""
    folder = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", folder / "doctrees"]
    done = subprocess.run([*command, DOCS, folder / "html"], capture_output=True, text=True, timeout=800)
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "html"


class Loads(HTMLParser):
    """Collects what a browser fetches to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [given.get("src") or ""]
        if tag == "link":
            self.addresses += [given.get("href") or ""]


def loads_of(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".css":
        return re.findall(r"""(?:url\(|@import)\s*["']?([^"')\s]+)""", text)
    parser = Loads()
    parser.feed(text)
    return parser.addresses


def test_pages_load_nothing_from_the_network(built):
    read = [*built.rglob("*.html"), *built.rglob("*.css")]
    remote = {
        str(path.relative_to(built)): [a for a in loads_of(path) if re.match(r"(https?:)?//", a)] for path in read
    }
    assert {path: addresses for path, addresses in remote.items() if addresses} == {}
    assert any(
        "pydata-sphinx-theme" in address for address in loads_of(built / "index.html")
    )  # the scan sees something


@pytest.mark.parametrize("name", am.machines())
def test_every_machine_has_a_page_with_all_its_values(built, name):
    page = (built / "machines" / "generated" / f"{name}.html").read_text(encoding="utf-8")
    missing = [path for path in am.machine(name).provenance if f">{path}<" not in page]
    assert missing == []


@pytest.mark.parametrize("name", am.workloads())
def test_every_workload_has_a_page(built, name):
    assert (built / "workloads" / "generated" / f"{name}.html").is_file()


@pytest.mark.parametrize("name", unit_names())
def test_every_block_has_a_page_with_its_waveform(built, name):
    page = (built / "blocks" / "generated" / f"{name}.html").read_text(encoding="utf-8")
    assert "_images/waveform" in page


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_script_has_a_page_with_its_figure_and_a_notebook(built, script):
    page = (built / "generated" / script.parent.name / f"{script.stem}.html").read_text(encoding="utf-8")
    assert f"_images/sphx_glr_{script.stem}_001.png" in page
    assert f"{script.stem}.ipynb" in page


def test_stories_are_in_the_order_in_which_they_are_read(built):
    page = (built / "generated" / "stories" / "index.html").read_text(encoding="utf-8")
    stories = ("sram_for_ranking", "lpddr_or_hbm_for_decode", "what_diffusion_wants")
    places = [page.index(f'href="{name}.html"') for name in stories]
    assert places == sorted(places)


def test_every_kind_of_figure_is_in_the_gallery():
    kinds = {kind for of_file in KINDS.values() for kind in of_file} - {"commands"}  # these need a simulator
    assert {script.stem for script in SCRIPTS if script.parent.name == "gallery"} == {f"plot_{kind}" for kind in kinds}


@pytest.mark.parametrize("name", am.__all__)
def test_every_public_name_is_in_the_reference(built, name):
    assert f'id="archmodel.{name}"' in (built / "reference" / "api.html").read_text(encoding="utf-8")


def test_house_sections_are_shown(built):
    page = (built / "reference" / "api.html").read_text(encoding="utf-8")
    shown = page[page.index('id="archmodel.models.roofline.Roofline"') :]
    assert "<strong>Model</strong>" in shown
    assert "<strong>Sources</strong>" in shown


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_page_tells_to_type_works(path, tmp_path):
    page = path.read_text(encoding="utf-8")
    if "archmodel verify" in page and not any(find_simulator(name).is_usable for name in SIMULATORS):
        pytest.skip("no simulator is installed; archmodel doctor says how to get one")
    really = run_page(page, tmp_path)
    difference = "\n".join(
        difflib.unified_diff(page.splitlines(), really.splitlines(), "shown", "printed", lineterm="")
    )
    assert difference == "", f"look at it, then run: python tests/docs/blocks.py {path.relative_to(ROOT)}"
