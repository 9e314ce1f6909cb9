"""
Recipes: everything that decides a training, as one small frozen dataclass.

A recipe reads and writes TOML. The named ones are TOML files in ``recipes/``; a user's
own is given by its path.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from stormlens.augment import Augmentation
from stormlens.errors import InputError, unknown
from stormlens.models import MOST_MEMBERS
from stormlens.storage import parse_toml, read_toml

_FOLDER = Path(__file__).parent / "recipes"
_REMEDY = "correct it, or begin with one that `stormlens recipes` shows"
_ORDER = (
    "default",
    "chapter-linear",
    "chapter-relu",
    "chapter-augmented",
    "svrimg-3conv",
    "storm-residual",
    "lenet5-digits",
    "features-logistic",
    "features-boosted",
)
OPTIMISERS: tuple[str, ...] = ("adam", "sgd")
SCHEDULES: tuple[str, ...] = ("constant", "cosine")

_WHOLE = {
    "batch_size": (1, 65536),
    "epochs": (1, 100_000),
    "seed": (0, 2**31 - 1),
    "early_stopping": (0, 100_000),
    "members": (1, MOST_MEMBERS),
}
_REAL: dict[str, tuple[Callable[[float], bool], str]] = {
    "learning_rate": (lambda v: 0 < v <= 1, "in (0, 1]. For one thousandth write 1e-3"),
    "label_smoothing": (lambda v: 0 <= v < 1, "in [0, 1); 0.1 is usual, 0 is none"),
    "mixup": (lambda v: 0 <= v <= 100, "in [0, 100]; 0.2 is usual, 0 is none"),
    "average": (lambda v: 0 <= v < 1, "in [0, 1); 0.999 is usual, 0 is none"),
    "weight_decay": (lambda v: 0 <= v <= 1, "in [0, 1]; 1e-4 is usual, 0 is none"),
    "teacher_temperature": (lambda v: 1 <= v <= 100, "in [1, 100]; 2 to 5 is usual"),
    "teacher_weight": (lambda v: 0 < v <= 1, "in (0, 1]; 0.9 is usual, 1 uses no label"),
}

_FEATURE_COUNTS = {"rounds": (1, 5000), "leaves": (2, 255), "smallest_leaf": (1, 10_000)}

_NO_OPTIONS = {
    "split": "a training takes all splits",
    "name_or_path": "data.name already names the source",
}
"""Arguments of `datasets.load` that a recipe cannot set, and why."""


@dataclass(frozen=True)
class RecipeData:
    """
    The boxes that a recipe is made for; `fit` takes whatever it is given.

    Attributes
    ----------
    name : str
        Source, as for `datasets.load`.
    calibrate : str or None
        Source on whose validation split the classifier's confidence is calibrated.
    options : mapping
        Other keys of the ``[data]`` table, such as ``count``: arguments of `datasets.load`.

    Raises
    ------
    InputError
        If a source is not named by text, or an option is none of a training's data.
    """

    name: str
    calibrate: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for key, value in (("name", self.name), ("calibrate", self.calibrate)):
            if value is None and key == "calibrate":
                continue
            # An empty name would be read as a path, that of the current folder.
            if not isinstance(value, str) or not value.strip():
                raise InputError(f"data.{key} is {value!r}, it must be the name of a source.")
        for key, reason in _NO_OPTIONS.items():
            if key in self.options:
                raise InputError(
                    f"data.{key} is {self.options[key]!r:.60}, but {reason}; remove it."
                )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RecipeData":
        """
        From the keys of a recipe's ``[data]`` table.

        Parameters
        ----------
        values : mapping
            ``name``, ``calibrate`` where wanted, and any options.

        Returns
        -------
        data : RecipeData

        Raises
        ------
        InputError
            If a source is not named by text, or an option is none of a training's data.
        """
        options = {k: v for k, v in values.items() if k not in ("name", "calibrate")}
        return cls(values.get("name"), values.get("calibrate"), options)  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, Any]:
        """
        The keys of the table; what is None is left out.

        Returns
        -------
        values : dict
        """
        calibrate = {} if self.calibrate is None else {"calibrate": self.calibrate}
        return {"name": self.name, **calibrate, **self.options}


@dataclass(frozen=True)
class FeatureOptions:
    """
    How a baseline learns from features; the recipe's ``[features]`` table.

    Attributes
    ----------
    regularisation : float
        Weight of the sum of squares, of coefficients or of leaves, which is added to the loss
        summed over boxes: 0 to 1e6; 0 is none.
    rounds : int
        Trees a class, 1 to 5000.
    leaves : int
        Of a tree at most, 2 to 255.
    smallest_leaf : int
        Training boxes in a leaf at least, 1 to 10000. Logistic regression has no trees, and uses
        `regularisation` alone.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    regularisation: float = 1.0
    rounds: int = 100
    leaves: int = 4
    smallest_leaf: int = 10

    def __post_init__(self) -> None:
        weight = self.regularisation
        is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not is_number or not 0 <= weight <= 1e6:
            raise InputError(
                f"features.regularisation is {weight!r}, it must be in [0, 1e6]; 1 is usual."
            )
        for name, (low, high) in _FEATURE_COUNTS.items():
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise InputError(
                    f"features.{name} is {value!r}, it must be a whole number from {low} to {high}."
                )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "FeatureOptions":
        """
        From the keys of a recipe's ``[features]`` table.

        Parameters
        ----------
        values : mapping
            Keys are the attributes; what is left out has its default.

        Returns
        -------
        options : FeatureOptions

        Raises
        ------
        InputError
            If a key is unknown, or a value is out of its range.
        """
        names = [option.name for option in fields(cls)]
        for key in values:
            if key not in names:
                raise unknown("key in [features]", key, names)
        return cls(**values)


@dataclass(frozen=True)
class Recipe:
    """
    Everything that decides a training.

    Attributes
    ----------
    name : str
        What the recipe is called.
    model : str
        Registry name, or path of a user's own ``.keras`` file.
    description : str
        One line.
    optimiser : {"adam", "sgd"}
        Adam with epsilon 1e-7; SGD with momentum 0.9.
    learning_rate : float
        In (0, 1].
    schedule : {"constant", "cosine"}
        Whether the rate stays, or rises to `learning_rate` over the first twentieth of all
        steps and falls towards 0 as half a cosine over the others [1]_.
    weight_decay : float
        Each step also takes rate * weight_decay of each kernel away, decoupled from the
        gradient [2]_; 0 to 1. Biases keep theirs.
    batch_size : int
        Images a step, 1 to 65536.
    epochs : int
        Passes over the training split, 1 or more.
    seed : int
        0 to 2**31 - 1; fixes initial weights, shuffles, dropout and augmentation.
    class_weights : bool
        Weigh each class by total / (classes * its count), as scikit-learn's "balanced".
    label_smoothing : float
        Share of the truth that the loss spreads over all classes alike [3]_; 0 to below 1.
    mixup : float
        Train on weighted means of pairs of images and their classes, whose shares come from
        Beta(mixup, mixup) [4]_; 0 for none, up to 100.
    average : float
        Validate and keep, instead of the last weights, their exponential moving average, of
        which each step leaves this share [5]_; 0 for none, below 1.
    orientations : {1, 8}
        In how many orientations the classifier shows an image to its network, to average the
        answers; training is the same.
    members : int
        Networks of an ensemble, 1 to 64. All see the same batches, augmented and mixed alike; the
        first weights of number k, from 0, are those of seed + k, and each draws its own dropout.
        Number 0 is the network that one member alone would be.
    early_stopping : int
        Stop after this many epochs without a lower validation loss, of an ensemble that of its
        mean probability, and keep the best weights; 0 never stops.
    continues : str or None
        Recipe whose trained weights this one starts from; its seed is this one's.
    teacher : str or None
        Run folder of a classifier, such as an ensemble, whose probabilities the network learns
        together with the labels [6]_. It answers once for each image, before augmentation.
    teacher_temperature : float
        Softens both sides before they are compared, 1 to 100: the loss is the square of it times
        their Kullback-Leibler divergence.
    teacher_weight : float
        Share of the teacher in the loss, above 0, to 1; the labels have the rest.
    augmentation : Augmentation or None
        Random transforms of the training images.
    data : RecipeData or None
        The boxes that the recipe is made for.
    features : FeatureOptions or None
        How a baseline learns; None for a network, and for a baseline's defaults. Of the fields
        above a baseline uses `seed`, `class_weights` and `orientations`, and trees
        `learning_rate`, by which each counts; any other must have its default.

    Raises
    ------
    InputError
        If a value is out of its range.

    References
    ----------
    .. [1] Loshchilov and Hutter (2017), SGDR: stochastic gradient descent with warm restarts,
       ICLR, here without a restart.
    .. [2] Loshchilov and Hutter (2019), Decoupled weight decay regularization, ICLR.
    .. [3] Szegedy et al. (2016), Rethinking the Inception architecture, CVPR, section 7.
    .. [4] Zhang, Cisse, Dauphin and Lopez-Paz (2018), mixup: beyond empirical risk minimization,
       ICLR.
    .. [5] Polyak and Juditsky (1992), SIAM J. Control Optim. 30, 838-855, who take all steps
       alike.
    .. [6] Hinton, Vinyals and Dean (2015), Distilling the knowledge in a neural network, arXiv
       1503.02531.
    """

    name: str
    model: str
    description: str = ""
    optimiser: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "constant"
    weight_decay: float = 0.0
    batch_size: int = 32
    epochs: int = 10
    seed: int = 0
    class_weights: bool = False
    label_smoothing: float = 0.0
    mixup: float = 0.0
    average: float = 0.0
    orientations: int = 1
    members: int = 1
    early_stopping: int = 0
    continues: str | None = None
    teacher: str | None = None
    teacher_temperature: float = 2.0
    teacher_weight: float = 0.9
    augmentation: Augmentation | None = None
    data: RecipeData | None = None
    features: FeatureOptions | None = None

    def __post_init__(self) -> None:
        for name, (low, high) in _WHOLE.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise self._refusal(name, f"a whole number from {low} to {high}")
        for name, (fits, expected) in _REAL.items():
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not fits(value):
                raise self._refusal(name, expected)
        if type(self.orientations) is not int or self.orientations not in (1, 8):
            raise self._refusal("orientations", "1 or 8")
        if not isinstance(self.class_weights, bool):
            raise self._refusal("class_weights", "true or false")
        if self.seed + self.members - 1 > _WHOLE["seed"][1]:
            raise self._refusal("seed", f"{_WHOLE['seed'][1] - self.members + 1} or less")
        self._check_texts()

    def _check_texts(self) -> None:
        optional = [name for name in ("continues", "teacher") if getattr(self, name) is not None]
        for name in ("name", "model", "description", *optional):
            if not isinstance(getattr(self, name), str):
                raise self._refusal(name, "text")
        for name, value, known in (
            ("optimiser", self.optimiser, OPTIMISERS),
            ("schedule", self.schedule, SCHEDULES),
        ):
            if value not in known:
                raise unknown(name, value, known)

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
        return cls.from_dict(parse_toml(text, f"recipe {name}", _REMEDY), name=name)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, name: str) -> "Recipe":
        """
        Recipe from plain values, as `to_dict` gives them.

        Parameters
        ----------
        values : mapping
            Keys are the attributes; what is left out has its default.
        name : str
            What to call it where the values do not say, and in errors.

        Returns
        -------
        recipe : Recipe

        Raises
        ------
        InputError
            If a key is unknown, or a value is out of range.
        """
        names = [f.name for f in fields(cls)]
        for key in values:
            if key not in names:
                raise unknown(f"key in recipe {name}", key, names)
        if "model" not in values:
            raise InputError(
                f"recipe {name} names no model; add a line such as: model = 'chapter-relu'."
            )
        tables = {
            "augmentation": _table(values, "augmentation", name, Augmentation.from_dict),
            "data": _table(values, "data", name, RecipeData.from_dict),
            "features": _table(values, "features", name, FeatureOptions.from_dict),
        }
        return cls(**{"name": name, **values, **tables})

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
        if self.data is not None:
            values["data"] = self.data.to_dict()
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


def _table(
    values: Mapping[str, Any], key: str, name: str, read: Callable[[Mapping[str, Any]], Any]
) -> Any:
    table = values.get(key)
    if table is None:
        return None
    if not isinstance(table, dict):
        raise InputError(f"recipe {name}: {key} must be a table, [{key}].")
    try:
        return read(table)
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
    return Recipe.from_dict(read_toml(path, f"recipe {path}", _REMEDY), name=path.stem)
