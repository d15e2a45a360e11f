"""Tell PyInstaller what it cannot see: lazy imports, the sandbox's video, the metadata."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

import chainhub

hiddenimports = [*vars(chainhub)["_HOME"].values(), *collect_submodules("chainhub_api.models")]
datas = collect_data_files("chainhub.sandbox") + copy_metadata("chainhub", recursive=True)
