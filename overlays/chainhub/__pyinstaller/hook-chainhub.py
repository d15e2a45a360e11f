"""Tell PyInstaller what it cannot see: lazy imports, the sandbox's files, the metadata."""

from contextlib import suppress
from importlib.metadata import PackageNotFoundError

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

import chainhub

hiddenimports = [*vars(chainhub)["_HOME"].values(), *collect_submodules("chainhub_api.models")]
datas = collect_data_files("chainhub.sandbox")
datas += collect_data_files("chainhub_api", includes=["contract.json"])
datas += copy_metadata("chainhub", recursive=True)
for name in ("typer", "rich"):  # of an extra, which is not followed; `chainhub doctor` shows them
    with suppress(PackageNotFoundError):
        datas += copy_metadata(name)
