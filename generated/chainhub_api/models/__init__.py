"""Contains all the data models used in inputs/outputs"""

TYPE_CHECKING = False  # type checkers know this name; importing typing takes time

if TYPE_CHECKING:
    from .video_task import VideoTask
else:
    _MODULES = {"VideoTask": "video_task"}

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        model = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = model
        return model

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = ("VideoTask",)
