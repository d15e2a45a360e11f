"""Run the cells of a notebook as Jupyter would, and print what each shows, a line of JSON a cell.

Usage: ``run_notebook.py NOTEBOOK``
"""

import json
import runpy
import sys
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell


def main(notebook: Path) -> None:
    """Run the code cells in their order; the first error ends it."""
    shell = InteractiveShell.instance()
    runpy.run_path(str(Path(__file__).parent / "fast" / "sitecustomize.py"))
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            done = shell.run_cell("".join(cell["source"]))
            done.raise_error()
            shown = {} if done.result is None else shell.display_formatter.format(done.result)[0]
            sys.stdout.write(f"shown: {json.dumps(shown)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
