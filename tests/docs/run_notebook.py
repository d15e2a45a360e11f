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
            execution = shell.run_cell("".join(cell["source"]))
            execution.raise_error()
            value = execution.result
            output = {} if value is None else shell.display_formatter.format(value)[0]
            sys.stdout.write(f"shown: {json.dumps(output)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
