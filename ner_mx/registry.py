"""Registries: what a configuration can name, from this package and from modules of the user's own.

Each registry has a home, the module or package in which the built-in entries
are.  The home is imported at the first lookup, so adding a file to it is
enough to add an entry.  Entries from outside come from :func:`load_code` and
from installed packages with an entry point of the group ``ner_mx.plugins``.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
import traceback
from importlib import metadata
from pathlib import Path
from typing import Any, Callable, Collection, Dict, Generic, List, TypeVar

from ner_mx.errors import ConfigError, nearest, shown

Entry = TypeVar("Entry")
Class = TypeVar("Class")

PLUGINS = "ner_mx.plugins"

# The modules that load_code() has loaded, in order: other processes must load the same.
loaded_code: List[str] = []
_plugins_loaded = False


class Registry(Generic[Entry]):
    """The entries of one kind by name; calling it with a name gives a decorator that adds one.

    Parameters
    ----------
    kind : what an entry is, for messages, such as ``"feature"``.
    home : the module or package of the built-in entries.

    Examples
    --------
    >>> from ner_mx import register
    >>> @register.batching("single")                                # doctest: +SKIP
    ... def one_sentence_each(lengths, size, random):
    ...     return [numpy.array([row]) for row in range(len(lengths))]
    """

    def __init__(self, kind: str, home: str):
        self.kind, self._home = kind, home
        self._entries: Dict[str, Entry] = {}
        self._home_loaded = False

    def __call__(self, name: str) -> Callable[[Class], Class]:
        """Register the decorated class or function under ``name``.

        Raises
        ------
        ConfigError : the name is taken.
        """

        def add(entry: Class) -> Class:
            earlier: Any = self._entries.get(name)
            if earlier is not None and _origin(earlier) != _origin(entry):
                raise ConfigError(f"{self.kind} {name!r} is registered twice: in {_origin(earlier)} and in "
                                  f"{_origin(entry)}; rename one")
            if isinstance(entry, type):
                entry.name = name  # type: ignore[attr-defined]
            self._entries[name] = entry  # type: ignore[assignment]
            return entry

        return add

    def __getitem__(self, name: str) -> Entry:
        """The entry of this name.

        Raises
        ------
        ConfigError : there is no such entry.
        """
        if name not in self:
            raise ConfigError(self.unknown(name))
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        self._load()
        return isinstance(name, str) and name in self._entries

    def names(self) -> List[str]:
        """The registered names, built-in entries first."""
        self._load()
        return list(self._entries)

    def unknown(self, name: object, also: Collection[str] = ()) -> str:
        """The message for a name that is not registered; ``also`` are allowed beside the registered ones."""
        known = [*also, *self.names()]
        article = "an" if self.kind[0] in "aeiou" else "a"
        return (f"expected one of {', '.join(known)}, found {shown(str(name))}"
                + (nearest(str(name), known) or f"; {article} {self.kind} of your own must be registered first"))

    def _load(self) -> None:
        if not self._home_loaded:
            self._home_loaded = True  # first: the modules of the home may use the registry
            try:
                home = importlib.import_module(self._home)
                for module in pkgutil.iter_modules(getattr(home, "__path__", ())):
                    importlib.import_module(f"{self._home}.{module.name}")
            except BaseException:
                self._home_loaded = False
                raise
        _load_plugins()


class Register:
    """Every registry of the package, as decorators: ``@register.format("my-format")``."""

    def __init__(self) -> None:
        self.format: Registry[Any] = Registry("format", "ner_mx.data.formats")
        self.split: Registry[Any] = Registry("split method", "ner_mx.data.splits")
        self.tokenizer: Registry[Any] = Registry("tokenizer", "ner_mx.data.tokenizers")
        self.tag_encoding: Registry[Any] = Registry("tag encoding", "ner_mx.data.tag_schemes")
        self.feature: Registry[Any] = Registry("feature", "ner_mx.features")
        self.embedder: Registry[Any] = Registry("embedder", "ner_mx.models.embedders")
        self.augmentation: Registry[Any] = Registry("augmentation", "ner_mx.distillation.augmentation")
        self.batching: Registry[Any] = Registry("batching", "ner_mx.features.batching")
        self.operator: Registry[Any] = Registry("ONNX operator", "ner_mx.inference.onnx_operators")
        self.model: Registry[Any] = Registry("model", "ner_mx.models")
        self.loss: Registry[Any] = Registry("loss", "ner_mx.models.losses")
        self.optimizer: Registry[Any] = Registry("optimizer", "ner_mx.training.optimizers")
        self.schedule: Registry[Any] = Registry("schedule", "ner_mx.training.schedules")
        self.callback: Registry[Any] = Registry("callback", "ner_mx.training.callbacks")
        self.system: Registry[Any] = Registry("system", "ner_mx.systems")
        self.output: Registry[Any] = Registry("output format", "ner_mx.inference.output_formats")
        self.strategy: Registry[Any] = Registry("strategy", "ner_mx.analysis.strategies")
        self.command: Registry[Any] = Registry("command", "ner_mx.cli")


register = Register()


def _origin(entry: Any) -> str:
    return f"{entry.__module__}.{entry.__qualname__}"


def load_code(source: str) -> None:
    """Load a module that registers entries of its own; one that is loaded already is left as it is.

    Parameters
    ----------
    source : the path of a ``.py`` file, or the dotted name of an importable module.

    Raises
    ------
    ConfigError : there is no such module, or it raises while it is loaded.
    """
    is_file = source.endswith(".py")
    name = f"ner_mx_code_{Path(source).stem}" if is_file else source
    source = str(Path(source).expanduser().resolve()) if is_file else source
    if source in loaded_code:
        return
    try:
        if is_file:
            _load_file(name, Path(source))
        else:
            importlib.import_module(name)
    except ConfigError:
        raise
    except Exception as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == source]
        line = f":{frames[-1].lineno}" if frames else ""
        raise ConfigError(f"{source}{line}: expected a module that can be loaded, found "
                          f"{type(error).__name__}: {' '.join(str(error).split())}") from None
    loaded_code.append(source)


def _load_file(name: str, path: Path) -> None:
    if not path.is_file():
        raise ConfigError(f"{path}: expected a Python module, found no file")
    if name in sys.modules:
        raise ConfigError(f"{path}: expected modules of different names, found two called {path.name}")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # Behind everything that is installed: modules beside this one can be imported and shadow nothing.
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _load_plugins() -> None:
    """Import the plugins of installed packages, once."""
    global _plugins_loaded
    if _plugins_loaded:
        return
    _plugins_loaded = True
    entry_points: Any = metadata.entry_points()
    if hasattr(entry_points, "select"):
        plugins = list(entry_points.select(group=PLUGINS))
    else:  # Python 3.9
        plugins = list(entry_points.get(PLUGINS, ()))
    for plugin in plugins:
        try:
            plugin.load()
        except Exception as error:
            raise ConfigError(f"plugin {plugin.name} ({plugin.value}): expected a module that can be loaded, "
                              f"found {type(error).__name__}: {' '.join(str(error).split())}") from None
