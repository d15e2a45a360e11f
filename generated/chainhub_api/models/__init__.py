"""Contains all the data models used in inputs/outputs"""

_MODULES = """
VideoTask video_task
"""


def __getattr__(name: str) -> object:
    if name == "__all__":
        return tuple(line.partition(" ")[0] for line in _MODULES.split("\n")[1:-1])
    _, found, rest = _MODULES.partition(f"\n{name} ")
    if not found:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f"{__name__}.{rest.partition(chr(10))[0]}")
    model = globals()[name] = getattr(module, name)
    return model


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})
