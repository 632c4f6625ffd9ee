"""The whole site as files in memory: pages, style sheet and scripts."""

import hashlib
import json
import pkgutil
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from analysis.contracts.errors import ReleaseRefusedError
from analysis.contracts.protocol import Protocol
from analysis.contracts.release import FormerRelease, ReleasedTable, ReleaseFacts
from analysis.figures.chart import Chart
from analysis.figures.script import STYLE_HASHES, plotly_script
from analysis.figures.style import COLOURS
from analysis.pages.reviews import quality_page
from analysis.pages.shelf import Shelf, fill
from analysis.pages.studies import research_page
from analysis.pages.units import clinic_page, network_page

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Nothing but the site's own files; styles that Plotly writes are known by their hash.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' " + " ".join(STYLE_HASHES) + "; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'"
)


def render_site(
    released: Mapping[str, ReleasedTable],
    facts: ReleaseFacts,
    protocol: Protocol,
    former: FormerRelease | None = None,  # noqa: ARG001 - the pages do not compare yet
) -> dict[str, bytes]:
    """Return every file of the site by its path.

    `released` comes from the release gate; tables that are missing are treated as empty, and the
    pages then say so. `protocol` is the one the results were made under. Reads no clock and no
    disk but the package's own templates.
    """
    _refuse_what_did_not_pass_the_gate(released)
    environment = _environment()
    shelf = fill(released)
    clinics = {name: clinic_file(name) for name in shelf.clinics()}
    research = research_page(shelf, released, protocol, facts)
    pages = {
        "index.html": _page(environment, "network", facts, "", _network(shelf, protocol, clinics)),
        "quality.html": _page(
            environment, "quality", facts, "", {"page": quality_page(shelf, facts)}
        ),
        "research.html": _page(environment, "research", facts, "", {"page": research}),
    }
    for name, file in clinics.items():
        shown = {"page": clinic_page(shelf, protocol, name)}
        pages[f"clinics/{file}"] = _page(environment, "clinic", facts, "../", shown)
    return {path: text.encode() for path, text in pages.items()} | assets()


def render_clinic(
    released: Mapping[str, ReleasedTable], facts: ReleaseFacts, protocol: Protocol, clinic: str
) -> dict[str, bytes]:
    """Return the files of one clinic's page alone, made from its own rows.

    The network's rows are among them only where they may stand beside a clinic; other clinics'
    rows never, and no link leads to a page that is not there.
    """
    _refuse_what_did_not_pass_the_gate(released)
    shelf = fill(released).of_clinic(clinic)
    shown = {"page": clinic_page(shelf, protocol, clinic)}
    page = _page(_environment(), "clinic", facts, "", shown, is_alone=True)
    return {"index.html": page.encode()} | assets()


def _refuse_what_did_not_pass_the_gate(released: Mapping[str, object]) -> None:
    if not all(isinstance(table, ReleasedTable) for table in released.values()):
        raise ReleaseRefusedError("Pages are made only from tables that passed the release gate.")


def clinic_file(name: str) -> str:
    """Return the file name of a clinic's page; a name that is no plain identifier is hashed."""
    if PLAIN_NAME.fullmatch(name):
        return f"{name}.html"
    return f"clinic-{hashlib.sha256(name.encode()).hexdigest()[:16]}.html"


def assets() -> dict[str, bytes]:
    """Return the files that all pages share."""
    return {
        "assets/pages.css": _colour_variables().encode() + _packaged("assets/pages.css"),
        "assets/icon.svg": _packaged("assets/icon.svg"),
        "assets/pages.js": _packaged("assets/pages.js"),
        "assets/plotly.min.js": plotly_script(),
    }


def _network(shelf: Shelf, protocol: Protocol, clinics: Mapping[str, str]) -> dict[str, Any]:
    page = network_page(shelf, protocol)
    return {"page": page, "clinics": clinics, "why_no_funnels": shelf.why_alone}


def _page(
    environment: "Environment",
    template: str,
    facts: ReleaseFacts,
    root: str,
    shown: Mapping[str, Any],
    *,
    is_alone: bool = False,
) -> str:
    return environment.get_template(f"{template}.html.j2").render(
        facts=facts, root=root, policy=POLICY, current=template, is_alone=is_alone, **shown
    )


def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("analysis.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["spec_json"] = spec_json
    return environment


def spec_json(chart: Chart) -> "Markup":
    """Return a chart's spec as JSON that is safe inside a script element."""
    from markupsafe import Markup

    text = json.dumps(chart.spec, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)  # noqa: S704 - escaped above


def _colour_variables() -> str:
    """Return the palette of the charts as style sheet variables, light and dark."""

    def block(selector: str, place: int) -> str:
        values = "".join(f"--{role}:{pair[place]};" for role, pair in COLOURS.items())
        return f"{selector}{{{values}}}\n"

    dark = block(":root:not(.printing)", 1)
    return block(":root", 0) + f"@media screen and (prefers-color-scheme:dark){{{dark}}}\n"


def _packaged(path: str) -> bytes:
    content = pkgutil.get_data("analysis.pages", path)
    if content is None:
        raise FileNotFoundError(path)
    return content
