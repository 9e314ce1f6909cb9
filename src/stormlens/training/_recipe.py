"""
Recipes: everything that decides a training, as one small frozen dataclass.

A recipe reads and writes TOML. The named ones lie beside this module as TOML
files; a user's own is given by its path.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from stormlens.augment import Augmentation
from stormlens.errors import InputError, unknown

_FOLDER = Path(__file__).parent / "recipes"
_ORDER = (
    "default",
    "chapter-linear",
    "chapter-relu",
    "chapter-augmented",
    "svrimg-3conv",
    "lenet5-digits",
)
OPTIMISERS: tuple[str, ...] = ("adam", "sgd")

_WHOLE = {"batch_size": (1, 65536), "epochs": (1, 100_000), "early_stopping": (0, 100_000)}


@dataclass(frozen=True)
class Recipe:
    """
    Everything that decides a training.

    Attributes
    ----------
    name : str
        What the recipe is called.
    model : str
        Registry name, or path of a user's own `.keras` file.
    description : str
        One line.
    optimiser : {"adam", "sgd"}
        Adam with epsilon 1e-7; SGD with momentum 0.9.
    learning_rate : float
        In (0, 1].
    batch_size : int
        Images a step, 1 to 65536.
    epochs : int
        Passes over the training split, 1 or more.
    seed : int
        0 to 2**31 - 1; fixes initial weights, shuffles, dropout and augmentation.
    class_weights : bool
        Weigh each class by total / (classes * its count), as scikit-learn's "balanced".
    early_stopping : int
        Stop after this many epochs without a lower validation loss and keep the best
        weights; 0 never stops.
    continues : str or None
        Recipe whose trained weights this one starts from; its seed is this one's.
    augmentation : Augmentation or None
        Random transforms of the training images.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    name: str
    model: str
    description: str = ""
    optimiser: str = "adam"
    learning_rate: float = 1e-3
    batch_size: int = 32
    epochs: int = 10
    seed: int = 0
    class_weights: bool = False
    early_stopping: int = 0
    continues: str | None = None
    augmentation: Augmentation | None = None

    def __post_init__(self) -> None:
        for name, (low, high) in {**_WHOLE, "seed": (0, 2**31 - 1)}.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise self._refusal(name, f"a whole number from {low} to {high}")
        rate = self.learning_rate
        if not isinstance(rate, int | float) or isinstance(rate, bool) or not 0 < rate <= 1:
            raise self._refusal("learning_rate", "in (0, 1]. For one thousandth write 1e-3")
        if not isinstance(self.class_weights, bool):
            raise self._refusal("class_weights", "true or false")
        texts = ["name", "model", "description"]
        for name in texts if self.continues is None else [*texts, "continues"]:
            if not isinstance(getattr(self, name), str):
                raise self._refusal(name, "text")
        if self.optimiser not in OPTIMISERS:
            raise unknown("optimiser", self.optimiser, OPTIMISERS)

    def _refusal(self, field: str, expected: str) -> InputError:
        value = getattr(self, field)
        return InputError(f"recipe {self.name}: {field} is {value!r}, it must be {expected}.")

    @classmethod
    def from_toml(cls, text: str, *, name: str) -> "Recipe":
        """
        Recipe from TOML text.

        Parameters
        ----------
        text : str
            Keys are the attributes; ``[augmentation]`` is a table.
        name : str
            What to call it where the text does not say, and in errors.

        Returns
        -------
        recipe : Recipe

        Raises
        ------
        InputError
            If the text is no TOML, a key is unknown, or a value is out of range.
        """
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"recipe {name} is not valid TOML: {error}.") from error
        names = [f.name for f in fields(cls)]
        for key in values:
            if key not in names:
                raise unknown(f"key in recipe {name}", key, names)
        if "model" not in values:
            raise InputError(
                f"recipe {name} names no model; add a line such as: model = 'chapter-relu'."
            )
        return cls(**{"name": name, **values, "augmentation": _augmentation(values, name)})

    def to_toml(self) -> str:
        """
        The recipe as TOML text, which `from_toml` reads back to an equal recipe.

        Returns
        -------
        text : str
        """
        import tomli_w

        return tomli_w.dumps(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """
        The recipe as plain values; what is None is left out.

        Returns
        -------
        values : dict
        """
        values = {k: v for k, v in asdict(self).items() if v is not None}
        if self.augmentation is not None:
            values["augmentation"] = self.augmentation.to_dict()
        return values

    def to_json(self) -> str:
        """
        The recipe as one line of JSON, for metadata.

        Returns
        -------
        text : str
        """
        return json.dumps(self.to_dict(), sort_keys=True)

    def with_changes(self, **changes: Any) -> "Recipe":
        """
        A recipe with some values replaced; None keeps the old one.

        Parameters
        ----------
        **changes
            Attributes and their new values.

        Returns
        -------
        recipe : Recipe
        """
        return replace(self, **{k: v for k, v in changes.items() if v is not None})

    def notes(self) -> tuple[str, ...]:
        """
        What a user may not expect of these settings, a sentence each.

        Returns
        -------
        notes : tuple of str
        """
        return self.augmentation.notes() if self.augmentation else ()


def _augmentation(values: Mapping[str, Any], name: str) -> Augmentation | None:
    table = values.get("augmentation")
    if table is None:
        return None
    if not isinstance(table, dict):
        raise InputError(f"recipe {name}: augmentation must be a table, [augmentation].")
    try:
        return Augmentation.from_dict(table)
    except InputError as error:
        raise InputError(f"recipe {name}: {error}") from error


def list_recipes() -> tuple[Recipe, ...]:
    """
    The named recipes.

    Returns
    -------
    recipes : tuple of Recipe

    Examples
    --------
    >>> [recipe.name for recipe in list_recipes()][:3]
    ['default', 'chapter-linear', 'chapter-relu']
    """
    return tuple(_read(_FOLDER / f"{name}.toml") for name in _ORDER)


def load_recipe(name_or_path: str | Path) -> Recipe:
    """
    A recipe by name, or from a TOML file.

    Parameters
    ----------
    name_or_path : str or Path
        As in `list_recipes`, or a path that ends in ``.toml``.

    Returns
    -------
    recipe : Recipe

    Raises
    ------
    InputError
        If there is no such recipe, or the file is not a valid one.
    """
    if str(name_or_path) in _ORDER:
        return _read(_FOLDER / f"{name_or_path}.toml")
    path = Path(name_or_path)
    if path.suffix != ".toml":
        raise unknown("recipe", str(name_or_path), _ORDER, "See `stormlens recipes`.")
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "does not exist"
        raise InputError(
            f"recipe {path} {what}; give a TOML file or a name from `stormlens recipes`."
        )
    return _read(path)


def _read(path: Path) -> Recipe:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"recipe {path} is not UTF-8 text ({error.reason}).") from error
    return Recipe.from_toml(text, name=path.stem)
