"""The page docs/worked-example.md runs as it stands and prints what it shows."""

import contextlib
import io
import re
from pathlib import Path

from tests.emulation.golden import GOLDEN, golden_rows

PAGE = Path(__file__).resolve().parents[2] / "docs" / "worked-example.md"
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_worked_example_prints_what_the_page_shows():
    golden_rows("02_ccw_maringe")
    names: dict = {}
    printed = ""
    shown = 0
    for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "text":
            assert printed == text
            shown += 1
            continue
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(text, str(PAGE), "exec"), names)
        printed = output.getvalue()
        if "folder" in names:
            names["folder"] = GOLDEN / "02_ccw_maringe"
    assert shown == 3
