"""Read what a pickle would import, without loading it, and refuse what no model needs."""

from __future__ import annotations

import ast
import builtins
import pickletools
from _compat_pickle import IMPORT_MAPPING
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from reports.isolation.errors import ModelRefused


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A pickle that names only these still brings its author's code: a cloudpickled class holds it. The list keeps out what
# acts at loading; the isolation, which is required to be full, keeps the rest in.
PACKAGES = (
    *("sklearn", "numpy", "scipy", "pandas", "xgboost", "lightgbm", "cloudpickle", "skops", "joblib"),
    *("mlflow.pyfunc", "mlflow.models", "mlflow.types", "mlflow.sklearn", "mlflow.utils"),
    *("collections", "copyreg", "datetime", "decimal", "fractions", "functools", "uuid", "enum", "typing", "abc"),
    *("dataclasses", "math", "cmath", "statistics", "random", "string", "re", "json", "logging", "warnings", "time"),
    *("itertools", "pathlib", "zoneinfo", "pytz", "dateutil", "__main__"),
)
BUILTINS = _words(
    "bool bytearray bytes classmethod complex dict float frozenset int list object property range reversed set slice "
    "staticmethod str super tuple type zip map filter enumerate len min max sum abs round sorted print "
    "NotImplemented Ellipsis"
) | {name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)}
NEVER = _words(
    "os posix nt subprocess sys socket shutil ctypes _ctypes importlib runpy pty pickle _pickle marshal code codeop "
    "multiprocessing signal builtins __builtin__ eval exec compile open __import__ getattr setattr delattr globals "
    "locals vars input breakpoint system popen spawn fork execve loads load read_pickle runstring attrgetter "
    "methodcaller"
)
IMPORTERS = {"subimport", "dynamic_subimport"}  # of cloudpickle: the module's name follows as a text
IMPORTER = "\0import"
BUILT = "{} builds the names of what it imports while it is loaded, which no pickler does."
SUFFIXES = frozenset({".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".pt", ".pth", ".bin"})
START = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
LARGEST = 1 << 30


@dataclass
class _Reader:
    """The texts that stand on the stack's top, and the memo, as far as names are made of them."""

    found: set[tuple[str, str]] = field(default_factory=set)
    texts: list[str | None] = field(default_factory=list)
    memo: dict[int, str | None] = field(default_factory=dict)


def looks_pickled(path: Path) -> bool:
    """Return whether a file is a pickle by its name or its first bytes."""
    with path.open("rb") as file:
        start = file.read(2)
    return path.suffix in SUFFIXES or start.startswith(START)


def globals_of(path: Path) -> tuple[str, ...]:
    """Return what loading the pickle would import, as ``module.name``, sorted. Nothing is loaded.

    Raises:
        ModelRefused: it is no pickle that can be read to its end, it builds names while it is loaded, or it names
            something that is not on the list.
    """
    if path.stat().st_size > LARGEST:
        msg = f"{path.name} is larger than {LARGEST >> 30} GB, too large to be inspected."
        raise ModelRefused(msg)
    try:
        found = sorted(_names(path))
    except ModelRefused:
        raise
    except Exception as error:
        msg = (
            f"{path.name} can't be inspected ({type(error).__name__}: {error}), so it is not loaded. "
            "Log the model with serialization_format='skops'."
        )
        raise ModelRefused(msg) from error
    refused = [_said(module, name) for module, name in found if not allowed(module, name)]
    if refused:
        msg = (
            f"{path.name} names {', '.join(refused[:10])}, which a model doesn't need and Placet never loads. "
            "Leave it out of what is pickled, or log the model with serialization_format='skops'."
        )
        raise ModelRefused(msg)
    return tuple(_said(module, name) for module, name in found)


def refuse_never(file: str, names: Iterable[str]) -> None:
    """Refuse names that no model needs, in a file that is not a pickle.

    Raises:
        ModelRefused: there is one.
    """
    refused = [name for name in names if NEVER.intersection(name.split("."))]
    if refused:
        msg = f"{file} names {', '.join(refused[:10])}, which a model doesn't need and Placet never loads."
        raise ModelRefused(msg)


def allowed(module: str, name: str) -> bool:
    """Return whether a pickle may name this."""
    if module in ("builtins", "__builtin__"):
        return name in BUILTINS
    parts = [*module.split("."), *name.split(".")]  # the name is * for a whole module, to which a function refers
    if (module, name) in (("_codecs", "encode"), ("codecs", "encode")):
        return True
    if NEVER.intersection(parts) or any(part.startswith("__") for part in name.split(".")):
        return False
    return any(module == package or module.startswith(f"{package}.") for package in PACKAGES)


def imports_of(path: Path) -> tuple[str, ...]:
    """Return the modules that a Python file imports, sorted; it may import others while it runs.

    Raises:
        ModelRefused: it is not readable Python.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        msg = f"{path.name} is not readable Python ({error})."
        raise ModelRefused(msg) from error
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return tuple(sorted(found))


def _said(module: str, name: str) -> str:
    return module if name == "*" else f"{module}.{name}"


def _names(path: Path) -> set[tuple[str, str]]:
    reader = _Reader()
    with path.open("rb") as file:
        for opcode, argument, _ in pickletools.genops(file):
            _read(reader, path, opcode.name, argument)
    return reader.found


def _read(reader: _Reader, path: Path, code: str, argument: object) -> None:
    """Follow one opcode: texts, the memo and what makes a name of them; anything else may lie between on the stack."""
    texts = reader.texts
    match code:
        case "PROTO" | "FRAME" | "STOP":
            pass
        case "MEMOIZE":
            reader.memo[len(reader.memo)] = texts[-1] if texts else None
        case "PUT" | "BINPUT" | "LONG_BINPUT":
            reader.memo[int(str(argument))] = texts[-1] if texts else None
        case "GET" | "BINGET" | "LONG_BINGET":
            _push(reader, path, reader.memo.get(int(str(argument))))
        case "GLOBAL" | "INST":
            module, _, name = str(argument).partition(" ")
            _add(reader, IMPORT_MAPPING.get(module, module), name)  # as Python 2 called it, up to protocol 2
        case "STACK_GLOBAL":
            if len(texts) < 2 or texts[-1] is None or texts[-2] is None:
                raise ModelRefused(BUILT.format(path.name))
            _add(reader, str(texts[-2]), str(texts[-1]))
        case "EXT1" | "EXT2" | "EXT4" | "PERSID" | "BINPERSID":
            msg = f"{path.name} refers to things outside of it ({code}), which are not loaded."
            raise ModelRefused(msg)
        case "SHORT_BINUNICODE" | "BINUNICODE" | "BINUNICODE8" | "UNICODE":
            _push(reader, path, str(argument))
        case _:
            _push(reader, path, None)
    del texts[:-3]


def _push(reader: _Reader, path: Path, text: str | None) -> None:
    """Put a text on the stack; after cloudpickle's importer it is the name of a module."""
    if reader.texts and reader.texts[-1] == IMPORTER:
        if text is None or text == IMPORTER:
            raise ModelRefused(BUILT.format(path.name))
        reader.found.add((text, "*"))
    reader.texts.append(text)


def _add(reader: _Reader, module: str, name: str) -> None:
    reader.found.add((module, name))
    reader.texts.append(IMPORTER if name in IMPORTERS else None)
