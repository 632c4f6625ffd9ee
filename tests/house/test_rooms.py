"""The house rules that a machine can hold: who may import whom, and what may stand where."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A room may import itself and the rooms named here; pipelines may import every room of analysis.
MAY_IMPORT = {
    "analysis.contracts": set(),
    "analysis.simulation": {"analysis.contracts"},
    "analysis.survival": {"analysis.contracts"},
    "analysis.emulation": {"analysis.contracts", "analysis.survival"},
    "analysis.study": {"analysis.contracts", "analysis.emulation", "analysis.survival"},
    "analysis.calibration": {
        "analysis.contracts",
        "analysis.emulation",
        "analysis.simulation",
        "analysis.study",
    },
    "analysis.scrutiny": {
        "analysis.contracts",
        "analysis.emulation",
        "analysis.study",
        "analysis.survival",
    },
    "analysis.findings": {"analysis.contracts", "analysis.scrutiny", "analysis.study"},
    "analysis.trajectories": {
        "analysis.contracts",
        "analysis.emulation",
        "analysis.survival",
    },
    "analysis.outcomes": {"analysis.contracts", "analysis.survival"},
    "analysis.quality": {"analysis.contracts", "analysis.disclosure", "analysis.emulation"},
    "analysis.disclosure": {"analysis.contracts"},
    "analysis.figures": {"analysis.contracts"},
    "analysis.reporting": {"analysis.contracts"},
    "analysis.pages": {
        "analysis.contracts",
        "analysis.figures",
        "analysis.disclosure",
        "analysis.reporting",
    },
}
# A library with side effects or a large surface is used behind one door.
DOORS = {
    "prefect": ("pipelines/flows/",),
    "duckdb": ("pipelines/warehouse/",),
    "plotly": ("analysis/figures/",),
}
MOVES_OF_THE_CLOCK_AND_DISK = {"datetime.now", "time.time", "time.monotonic", "open", "date.today"}
# The warehouse may count or list the rows of a table it moves; whatever joins, groups, looks over
# windows or nests is a definition, and stands in an SQL file.
READ = re.compile(r"^\s*(with\s|select\s.+\sfrom\s)", re.IGNORECASE | re.DOTALL)
DEFINES = re.compile(r"\b(with|join|group\s+by|over|union|case)\b|\(\s*select\b", re.IGNORECASE)


def modules(*rooms: str) -> Iterator[tuple[Path, ast.Module]]:
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def imported_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that the room can be read off"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(dotted: str) -> str:
    return ".".join(dotted.split(".")[:2])


def test_a_room_imports_only_the_rooms_below_it() -> None:
    for path, tree in modules("analysis"):
        room = room_of(".".join(path.with_suffix("").parts))
        if room == "analysis.__init__":
            continue
        assert room in MAY_IMPORT, f"{path}: {room} is not a room of the plan"
        for name in imported_names(tree):
            assert not name.startswith("pipelines"), f"{path} imports {name}"
            if name.startswith("analysis."):
                target = room_of(name)
                assert target == room or target in MAY_IMPORT[room], f"{path} imports {name}"


def test_prefect_duckdb_and_plotly_each_have_one_door() -> None:
    for path, tree in modules("analysis", "pipelines"):
        for name in imported_names(tree):
            doors = DOORS.get(name.split(".")[0])
            assert doors is None or path.as_posix().startswith(doors), f"{path} imports {name}"


def test_analysis_reads_no_clock_and_no_disk() -> None:
    for path, tree in modules("analysis"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in MOVES_OF_THE_CLOCK_AND_DISK, f"{path}:{node.lineno} {called}"


def test_queries_stand_in_sql_files() -> None:
    for path, tree in modules("analysis", "pipelines"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                is_definition = READ.match(node.value) and DEFINES.search(node.value)
                is_moving = path.as_posix().startswith("pipelines/warehouse/")
                wrong = is_definition or (READ.match(node.value) and not is_moving)
                assert not wrong, f"{path}:{node.lineno} holds a query"


def test_functions_stay_short_enough_to_read() -> None:
    for path, tree in modules("analysis", "pipelines"):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno is not None
                lines = node.end_lineno - node.lineno + 1
                assert lines <= 70, f"{path}:{node.lineno} {node.name} has {lines} lines"


def tracked_texts() -> Iterator[tuple[Path, str]]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.is_file() and path.suffix not in {".png", ".parquet", ".gz"}:
            yield Path(name), path.read_text(encoding="utf-8")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_no_tracked_file_names_a_registry_or_a_path_of_a_machine() -> None:
    address = re.compile(r"https?://[^\s\"']*/(?:simple|pypi)\b|--(?:extra-)?index-url\s+\S*://")
    machine_path = re.compile(r"(?<![\w.])/(?:home|root|work|Users)/\w+")
    for path, text in tracked_texts():
        if path == Path("tests/house/test_rooms.py"):
            continue
        assert not address.search(text), f"{path} names a registry"
        assert not machine_path.search(text), f"{path} names a machine's path"


def test_links_in_the_documents_lead_somewhere() -> None:
    link = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in link.findall(path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"
