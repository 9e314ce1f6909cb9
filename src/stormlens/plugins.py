"""
Readers, networks and scores that other packages add, found through entry points.

A package names its object in its `pyproject.toml`, under one of three groups:
`stormlens.readers`, `stormlens.networks` or `stormlens.scores`. Names come from the metadata
of installed packages, which imports nothing. An object's module is imported when the object
is asked for. What cannot be used is left out, and one sentence names it: a broken package
takes away nothing that works without it.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Generic, TypeVar

from stormlens.errors import InputError, printable

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints

T = TypeVar("T")

_LONGEST = 60  # characters of a name
_SEPARATORS = {"-": "hyphens", "_": "underscores"}
_REASON = 300  # characters of another package's error that a sentence quotes


@dataclass(frozen=True)
class Plugin:
    """
    Something that another package adds.

    Attributes
    ----------
    kind : str
        ``"reader"``, ``"network"`` or ``"score"``.
    name : str
        Of the entry point, and of the object.
    package, version : str
        The distribution that brings it.
    """

    kind: str
    name: str
    package: str
    version: str

    def __str__(self) -> str:
        return f"the {self.kind} {self.name} of package {self.package} {self.version}"


@dataclass(frozen=True)
class Found(Generic[T]):
    """
    A plugin that was imported and is what it should be.

    Attributes
    ----------
    plugin : Plugin
        Where it comes from.
    content : object
        The plugin's object.
    """

    plugin: Plugin
    content: T


class Group(Generic[T]):
    """
    All plugins of one kind.

    Parameters
    ----------
    kind : str
        What one is called in sentences.
    entry_points : str
        Name of the group of entry points.
    made_of : type
        What each object must be. It has a name, which must be that of its entry point.
    own_names : callable
        Gives the names that Stormlens itself uses, which no plugin can take.
    separator : {"-", "_"}, optional
        What may stand between the words of a name, beside its lower-case letters and digits.
    check : callable, optional
        From an object of the right type to what is wrong with it, in words that follow "it";
        empty where nothing is.
    """

    def __init__(
        self,
        kind: str,
        entry_points: str,
        made_of: type[T],
        own_names: Callable[[], Iterable[str]],
        separator: str = "-",
        check: Callable[[T], str] = lambda _: "",
    ) -> None:
        self.kind, self.entry_points = kind, entry_points
        self._made_of, self._own_names, self._check = made_of, own_names, check
        self._separator = separator
        self._loaded: dict[Plugin, T | InputError] = {}

    def names(self) -> list[str]:
        """
        Names that plugins add, whether or not they can be imported.

        Returns
        -------
        names : list of str
            Sorted. No plugin is imported.
        """
        return sorted(self._usable())

    def plugin(self, name: str) -> Plugin | None:
        """
        Who adds a name.

        Parameters
        ----------
        name : str
            Of a plugin, or any other.

        Returns
        -------
        plugin : Plugin or None
            None where no plugin is called so, as of Stormlens's own names. Nothing is imported.
        """
        if name in self._own_names():
            return None
        found = self._usable().get(name)
        return None if found is None else found[0]

    def get(self, name: str) -> Found[T] | None:
        """
        One plugin, imported now if it was not before.

        Parameters
        ----------
        name : str
            Of a plugin, or any other.

        Returns
        -------
        found : Found or None
            None where no plugin is called so.

        Raises
        ------
        InputError
            If it cannot be imported, or is something else than it should be.
        """
        usable = self._usable()
        return self._load(*usable[name]) if name in usable else None

    def all(self) -> list[Found[T]]:
        """
        All plugins that can be used, imported.

        Returns
        -------
        found : list of Found
            In the order of their names.
        """
        return [found for found in self._outcomes() if isinstance(found, Found)]

    def faults(self) -> list[str]:
        """
        What is wrong with the plugins that cannot be used.

        Returns
        -------
        sentences : list of str
            One for each.
        """
        failed = [str(found) for found in self._outcomes() if isinstance(found, InputError)]
        return [*(fault for _, fault in self._refused()), *failed]

    def listed(self) -> list[tuple[Plugin, str]]:
        """
        All plugins, each with what is wrong with it.

        Returns
        -------
        plugins : list of (Plugin, str)
            In the order of their names; the sentence is empty where a plugin can be used.
        """
        result = self._refused()
        for plugin, entry in self._usable().values():
            try:
                self._load(plugin, entry)
                result.append((plugin, ""))
            except InputError as error:
                result.append((plugin, str(error)))
        return sorted(result, key=lambda pair: (pair[0].name, pair[0].package))

    def forget(self) -> None:
        """Look for plugins anew when one is next asked for: a package was installed since."""
        _entry_points.cache_clear()
        self._loaded.clear()

    def _outcomes(self) -> list[Found[T] | InputError]:
        """Each usable name's plugin, imported, or why it cannot be; in the order of names."""
        outcomes: list[Found[T] | InputError] = []
        for _, (plugin, entry) in sorted(self._usable().items()):
            try:
                outcomes.append(self._load(plugin, entry))
            except InputError as error:
                outcomes.append(error)
        return outcomes

    def _installed(self) -> "list[tuple[Plugin, EntryPoint]]":
        """In the order of packages, so that it does not hang on the order of folders."""
        entries = _entry_points(self.entry_points)
        found = [(Plugin(self.kind, printable(e.name), *_package(e)), e) for e in entries]
        return sorted(found, key=lambda pair: (pair[0].package, pair[0].name))

    def _usable(self) -> "dict[str, tuple[Plugin, EntryPoint]]":
        """By name. Of several packages that use one name, the first has it."""
        usable: dict[str, tuple[Plugin, EntryPoint]] = {}
        own = set(self._own_names())
        for plugin, entry in self._installed():
            if self._is_name(plugin.name) and plugin.name not in own:
                usable.setdefault(plugin.name, (plugin, entry))
        return usable

    def _refused(self) -> list[tuple[Plugin, str]]:
        """Those that could not even be asked for, and why."""
        usable, own, refused = self._usable(), set(self._own_names()), []
        for plugin, _ in self._installed():
            if not self._is_name(plugin.name):
                signs = _SEPARATORS[self._separator]
                why = f"has no name that can be used: give lower-case letters, digits and {signs}"
            elif plugin.name in own:
                why = f"has the name of one of Stormlens's own {self.kind}s, which stays in use"
            elif usable[plugin.name][0] != plugin:
                other = usable[plugin.name][0].package
                why = f"has a name that package {other} uses too, which keeps it"
            else:
                continue
            refused.append((plugin, _fault(plugin, f"{why}; rename it in its pyproject.toml")))
        return refused

    def _is_name(self, name: str) -> bool:
        word = "[a-z0-9]+"
        pattern = f"(?=[a-z]){word}({self._separator}{word})*"
        return len(name) <= _LONGEST and re.fullmatch(pattern, name) is not None

    def _load(self, plugin: Plugin, entry: "EntryPoint") -> Found[T]:
        if plugin not in self._loaded:
            self._loaded[plugin] = self._imported(plugin, entry)
        content = self._loaded[plugin]
        if isinstance(content, InputError):
            raise content
        return Found(plugin, content)

    def _imported(self, plugin: Plugin, entry: "EntryPoint") -> T | InputError:
        try:
            content = entry.load()
        except (Exception, SystemExit) as error:  # a foreign module may raise anything
            remedy = "update or uninstall that package"
            return InputError(_fault(plugin, f"cannot be imported ({reason_of(error)}); {remedy}"))
        if not isinstance(content, self._made_of):
            due = f"{self._made_of.__module__.rpartition('._')[0]}.{self._made_of.__name__}"
            return InputError(
                _fault(plugin, f"is a {type(content).__name__}; its author has to make it a {due}")
            )
        called = getattr(content, "name", None)
        if called != plugin.name:
            return InputError(
                _fault(plugin, f"calls itself {called!r:.60}; both names have to be the same")
            )
        wrong = self._check(content)
        return InputError(_fault(plugin, wrong)) if wrong else content


def _fault(plugin: Plugin, what: str) -> str:
    text = str(plugin)
    return f"{text[0].upper()}{text[1:]} is left out: it {what}."


def reason_of(error: BaseException) -> str:
    """
    What another package's error says, on one line.

    Parameters
    ----------
    error : BaseException
        Of any kind.

    Returns
    -------
    reason : str
        Its kind and message, cut to the length of a sentence.
    """
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return printable(text[:_REASON]).rstrip(": .")


@cache
def _entry_points(group: str) -> "EntryPoints":
    """Those of all installed packages, read once a process: that takes some 20 ms."""
    from importlib.metadata import entry_points

    return entry_points(group=group)


def _package(entry: "EntryPoint") -> tuple[str, str]:
    """Name and version of the distribution, whose metadata may be damaged."""
    try:
        name, version = (entry.dist.name, entry.dist.version) if entry.dist else (None, None)
    except (KeyError, OSError, ValueError):
        name = version = None
    return printable(str(name or "unknown")), printable(str(version or "of unknown version"))
