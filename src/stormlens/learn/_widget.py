"""A component in a notebook: settings as traits that go both ways, and HTML where no kernel is."""

import sys
from collections.abc import Mapping
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

from stormlens.errors import needs_packages, unknown

try:
    import traitlets
    from anywidget import AnyWidget
except ImportError as error:
    raise needs_packages("Components in notebooks need anywidget", "app") from error

from stormlens.learn._bundle import bundle
from stormlens.learn._settings import Setting, declared

_OF_FILES = ("network", "places", "split", "storm", "storms")  # settings that name what is in them
_NEEDS = "It needs JavaScript, and a page from a web host or a notebook with a kernel."


def traits_of(slug: str) -> dict[str, traitlets.TraitType]:
    """
    Settings of a component and what follows from them on a page.

    They go into the body of its class by ``vars().update``, as traitlets finds them there alone;
    a property of the class may stand in for what is computed without a page.

    Parameters
    ----------
    slug : str
        The component's name.

    Returns
    -------
    traits : dict of str to traitlets.TraitType
    """
    component = declared()[slug]
    return {
        **{name: traitlets.Any(None).tag(sync=True) for name in component["outputs"]},
        **{name: Setting(schema) for name, schema in component["settings"].items()},
    }


class Component(AnyWidget):
    """
    An interactive component, shown as the last line of a notebook's cell.

    Settings are keyword arguments and attributes; a change on the page changes the attribute too.
    Outputs that only a page computes are None until one shows the component.

    Attributes
    ----------
    slug : str
        What `stormlens learn` calls it.
    title, lead : str
        Its name, and what to do with it.

    Raises
    ------
    InputError
        If there is no such setting, or a value is out of its bounds.
    """

    slug: ClassVar[str]

    component = traitlets.Unicode().tag(sync=True)
    files = traitlets.Dict().tag(sync=True)
    reports = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _esm = traitlets.Unicode().tag(sync=True)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, *, files: Mapping[str, bytes] | None = None, **settings: Any) -> None:
        known = declared()[self.slug]["settings"]
        for name in settings:
            if name not in known:
                raise unknown("setting", name, known)
        super().__init__(
            component=self.slug,
            files=dict(files or {}),
            reports=[name for name in declared()[self.slug]["outputs"] if self.has_trait(name)],
            _esm=_bundled(self.slug),
            **settings,
        )

    @property
    def title(self) -> str:
        """Its name."""
        return str(declared()[self.slug]["title"])

    @property
    def lead(self) -> str:
        """What to do with it."""
        return str(declared()[self.slug]["lead"])

    @property
    def settings(self) -> dict[str, Any]:
        """All settings by name, as they are now."""
        return {name: getattr(self, name) for name in declared()[self.slug]["settings"]}

    def _changed(self) -> dict[str, Any]:
        known = declared()[self.slug]["settings"]
        return {name: v for name, v in self.settings.items() if v != known[name]["default"]}

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self._changed().items())
        return f"{type(self).__name__}({given})"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        if bundle is None or _in_colab():  # which would show the text in place of the widget
            return bundle
        data, metadata = bundle
        return {**data, "text/html": self.as_html()}, metadata

    def as_html(self) -> str:
        """
        The component for a page without a kernel that loads `stormlens.js`.

        Returns
        -------
        html : str
            Its element, with the settings that are not the defaults as attributes, and words
            within for where the page does not. Own storms and networks are not in it: it shows
            those of the pages, which say what they are.
        """
        component = declared()[self.slug]
        left_out = _OF_FILES if self.files else ()
        attributes = "".join(
            f' {name.replace("_", "-")}="{escape(_as_text(value))}"'
            for name, value in self._changed().items()
            if name not in left_out
        )
        words = f"{escape(self.title)}: an interactive component. {_NEEDS}"
        return f"<{component['tag']}{attributes}><p>{words}</p></{component['tag']}>"


@cache
def _bundled(slug: str) -> str:
    return bundle([slug])


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(_as_text, value))
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _in_colab() -> bool:
    return "google.colab" in sys.modules
