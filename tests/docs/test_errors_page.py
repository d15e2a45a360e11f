"""The page about errors names every one of them."""

import builtins
import inspect
import re
from pathlib import Path

from chainhub import errors
from chainhub._tasks import record_file as _record_file

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "errors.md"


def test_every_error_has_a_row():
    """And every row an error, with the right built-in class beside it."""
    rows = re.findall(r"^\| `(\w+)`(?: \(an? `(\w+)`\))?", PAGE.read_text("utf-8"), re.MULTILINE)
    parents = {name: parent for name, parent in rows if name != "UnknownStatusWarning"}
    classes = {
        name: error
        for name, error in {**vars(errors), "JournalError": _record_file.JournalError}.items()
        if inspect.isclass(error) and issubclass(error, errors.ChainhubError)
    }
    assert set(parents) == set(classes) - {"ChainhubError"}
    for name, parent in parents.items():
        if parent:
            assert issubclass(classes[name], getattr(builtins, parent)), name
