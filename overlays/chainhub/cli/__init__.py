"""The command line: `chainhub get`, `wait`, `watch`, `download`, `batch`, `sandbox`, `doctor`.

Results go to standard output, everything else to standard error. What a command decides (exit
codes, lines, records, findings) is pure and in separate modules; the commands are thin.
It needs the extra `chainhub[cli]`; nothing that a program imports leads here.
"""

from chainhub.cli._app import main as main
