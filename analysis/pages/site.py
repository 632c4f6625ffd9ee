"""The whole site as files in memory: pages, style sheet and scripts."""

import hashlib
import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from analysis.contracts.errors import ReleaseRefusedError
from analysis.contracts.protocol import Protocol
from analysis.contracts.release import FormerRelease, ReleasedTable, ReleaseFacts
from analysis.figures.script import STYLE_HASHES, plotly_script
from analysis.figures.style import COLOURS
from analysis.pages.changes import before
from analysis.pages.meeting import signals
from analysis.pages.reviews import quality_page
from analysis.pages.shelf import Shelf, fill
from analysis.pages.specs import base_json, merged, spec_json
from analysis.pages.studies import research_page
from analysis.pages.templating import template_environment
from analysis.pages.therapists import therapists_page
from analysis.pages.units import Release, clinic_page, network_page

if TYPE_CHECKING:
    from jinja2 import Environment

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
    former: FormerRelease | None = None,
) -> dict[str, bytes]:
    """Return every file of the site by its path.

    `released` comes from the release gate; tables that are missing are treated as empty, and the
    pages then say so. `protocol` is the one the results were made under; with a `former` release
    every unit's page says what changed since. Reads no clock and no disk but the package's own
    templates.
    """
    _refuse_what_did_not_pass_the_gate(released)
    release = _release(fill(released), facts, protocol, former)
    clinics = {name: clinic_file(name) for name in release.shelf.clinics()}
    therapists = therapists_page(release.shelf, protocol)
    writer = _Writer(_environment(), facts, has_therapists=therapists is not None)
    research = research_page(release.shelf, released, protocol, facts)
    network = {"page": network_page(release), "clinics": clinics}
    pages = {
        "index.html": writer.page("network", "", network),
        "quality.html": writer.page("quality", "", {"page": quality_page(release)}),
        "research.html": writer.page("research", "", {"page": research}),
    }
    if therapists is not None:
        pages["therapists.html"] = writer.page("therapists", "", {"page": therapists})
    for name, file in clinics.items():
        shown = {"page": clinic_page(release, name)}
        pages[f"clinics/{file}"] = writer.page("clinic", "../", shown)
    return {path: text.encode() for path, text in pages.items()} | assets()


def render_clinic(
    released: Mapping[str, ReleasedTable],
    facts: ReleaseFacts,
    protocol: Protocol,
    clinic: str,
    former: FormerRelease | None = None,
) -> dict[str, bytes]:
    """Return the files of one clinic's page alone, made from its own rows.

    The network's rows are among them only where they may stand beside a clinic; other clinics'
    rows never, and no link leads to a page that is not there.
    """
    _refuse_what_did_not_pass_the_gate(released)
    shelf = fill(released).of_clinic(clinic)
    shown = {"page": clinic_page(_release(shelf, facts, protocol, former), clinic)}
    page = _Writer(_environment(), facts, is_alone=True).page("clinic", "", shown)
    return {"index.html": page.encode()} | assets()


def _release(
    shelf: Shelf, facts: ReleaseFacts, protocol: Protocol, former: FormerRelease | None
) -> Release:
    return Release(shelf, protocol, facts, before(former), signals(shelf, facts, facts.last_month))


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


@dataclass(frozen=True)
class _Writer:
    """Writes pages of one release; a page that is alone links to no other."""

    environment: "Environment"
    facts: ReleaseFacts
    has_therapists: bool = False
    is_alone: bool = False

    def page(self, template: str, root: str, shown: Mapping[str, Any]) -> str:
        return self.environment.get_template(f"{template}.html.j2").render(
            facts=self.facts,
            root=root,
            policy=POLICY,
            current=template,
            is_alone=self.is_alone,
            has_therapists=self.has_therapists,
            **shown,
        )


def _environment() -> "Environment":
    environment = template_environment()
    environment.globals |= {"spec_json": spec_json, "base_json": base_json, "merged": merged}
    return environment


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
