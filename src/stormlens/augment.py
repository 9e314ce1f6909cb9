"""
Augmentation in the chapter's words: random turns, shifts, zooms and flips.

The names and meanings are those of Keras's ImageDataGenerator. Rotation and
shear are in degrees (0.1 is a tenth of a degree: nothing moves), shifts are
fractions of the box, and flips follow the rest. All of them make one affine
map a sample, so each image is interpolated once. One difference: a width shift
here moves along the width; Keras 3 draws its x shift from height_shift_range.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from stormlens.errors import InputError, unknown

if TYPE_CHECKING:
    from jax import Array

_LIMITS = {
    "rotation_range": (0.0, 180.0),
    "width_shift_range": (0.0, 1.0),
    "height_shift_range": (0.0, 1.0),
    "shear_range": (0.0, 89.0),
    "cval": (0.0, 255.0),
}


@dataclass(frozen=True)
class Augmentation:
    """
    Ranges that random transforms are drawn from.

    Attributes
    ----------
    rotation_range : float
        Turns by up to this many degrees either way, 0 to 180.
    width_shift_range, height_shift_range : float
        Moves by up to this fraction of the width or height either way, 0 to 1. A shift
        also moves the storm report out of the centre.
    shear_range : float
        Shears by up to this angle in degrees either way, 0 to 89.
    zoom_range : tuple of float
        Lowest and highest factor, drawn apart for rows and columns; under 1 enlarges.
    horizontal_flip, vertical_flip : bool
        Mirror half of the samples east-west, north-south.
    fill_mode : {"reflect", "nearest", "constant", "wrap"}
        What lies beyond the edge.
    cval : float
        Value beyond the edge for ``constant``, in dBZ.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    rotation_range: float = 0.0
    width_shift_range: float = 0.0
    height_shift_range: float = 0.0
    shear_range: float = 0.0
    zoom_range: tuple[float, float] = (1.0, 1.0)
    horizontal_flip: bool = False
    vertical_flip: bool = False
    fill_mode: str = "reflect"
    cval: float = 0.0

    def __post_init__(self) -> None:
        from stormlens.ops import FILL_MODES

        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if not _is_number(value) or not low <= value <= high:
                raise InputError(
                    f"augmentation.{name} is {value!r}, it must lie in [{low:g}, {high:g}]."
                )
        object.__setattr__(self, "zoom_range", _zoom_bounds(self.zoom_range))
        for name in ("horizontal_flip", "vertical_flip"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(
                    f"augmentation.{name} is {getattr(self, name)!r}, it must be true or false."
                )
        if self.fill_mode not in FILL_MODES:
            raise unknown("fill mode", self.fill_mode, FILL_MODES)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Augmentation":
        """
        Augmentation from the keys of a recipe's ``[augmentation]`` table.

        Parameters
        ----------
        values : mapping
            Any of the attributes.

        Returns
        -------
        augmentation : Augmentation

        Raises
        ------
        InputError
            If a key is unknown or a value is out of range.
        """
        names = [f.name for f in fields(cls)]
        for name in values:
            if name not in names:
                raise unknown("augmentation setting", name, names)
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """
        All settings as TOML can write them.

        Returns
        -------
        values : dict
        """
        return {**asdict(self), "zoom_range": list(self.zoom_range)}

    def notes(self) -> tuple[str, ...]:
        """
        What a user may not expect of these settings.

        Returns
        -------
        notes : tuple of str
            A sentence each.

        Examples
        --------
        >>> Augmentation(rotation_range=0.1).notes()
        ('rotation_range is 0.1 degrees: under one degree it moves nothing that can be seen.',)
        """
        return tuple(
            f"{name} is {getattr(self, name):g} degrees: "
            "under one degree it moves nothing that can be seen."
            for name in ("rotation_range", "shear_range")
            if 0 < getattr(self, name) < 1
        )

    def matrices(self, key: "Array", count: int, height: int, width: int) -> "Array":
        """
        Draw affine maps, one a sample.

        Parameters
        ----------
        key : jax Array
            Random key.
        count : int
            Number of samples.
        height, width : int
            Pixels of an image.

        Returns
        -------
        matrices : Array of float32, shape (count, 2, 3)
            For `ops.warp`.
        """
        import jax

        keys = jax.random.split(key, 7)

        def symmetric(index: int, bound: float) -> "Array":
            return jax.random.uniform(keys[index], (count,), minval=-bound, maxval=bound)

        low, high = self.zoom_range
        zoom = jax.random.uniform(keys[4], (2, count), minval=low, maxval=high)
        return affine_matrices(
            theta=symmetric(0, self.rotation_range),
            tx=symmetric(1, self.width_shift_range) * width,
            ty=symmetric(2, self.height_shift_range) * height,
            shear=symmetric(3, self.shear_range),
            zx=zoom[0],
            zy=zoom[1],
            flip_horizontal=self.horizontal_flip & jax.random.bernoulli(keys[5], 0.5, (count,)),
            flip_vertical=self.vertical_flip & jax.random.bernoulli(keys[6], 0.5, (count,)),
            height=height,
            width=width,
        )

    def apply(self, key: "Array", images: "Array") -> "Array":
        """
        Transform each image at random.

        Parameters
        ----------
        key : jax Array
            Random key.
        images : Array, shape (N, H, W)
            Raw values.

        Returns
        -------
        augmented : Array of float32, shape (N, H, W)
        """
        from stormlens.ops import warp

        matrices = self.matrices(key, *images.shape)
        return warp(images, matrices, self.fill_mode, self.cval)


def affine_matrices(
    *,
    theta: "Array",
    tx: "Array",
    ty: "Array",
    shear: "Array",
    zx: "Array",
    zy: "Array",
    flip_horizontal: "Array",
    flip_vertical: "Array",
    height: int,
    width: int,
) -> "Array":
    """
    Affine maps of given transforms, composed as Keras's ImageDataGenerator does.

    Parameters
    ----------
    theta, shear : Array of float, shape (N,)
        Degrees.
    tx, ty : Array of float, shape (N,)
        Shift along columns (x) and rows (y) in pixels.
    zx, zy : Array of float, shape (N,)
        Zoom along columns and rows.
    flip_horizontal, flip_vertical : Array of bool, shape (N,)
        Mirror columns, rows, after all else.
    height, width : int
        Pixels of an image.

    Returns
    -------
    matrices : Array of float32, shape (N, 2, 3)
        Output pixel (row, column, 1) to input (row, column):
        rotation @ shift @ shear @ zoom about the centre, then the flips.
    """
    import jax.numpy as jnp

    angle, slant = jnp.deg2rad(theta), jnp.deg2rad(shear)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    # In (x, y): rotation @ shift @ shear @ zoom, where shear is [[1, -sin s], [0, cos s]].
    x_x, x_y = cos * zx, -jnp.sin(angle + slant) * zy
    y_x, y_y = sin * zx, jnp.cos(angle + slant) * zy
    # A flip reads the output from its far end: row r takes what row (H - 1 - r) would.
    vertical = jnp.where(flip_vertical, -1.0, 1.0)
    horizontal = jnp.where(flip_horizontal, -1.0, 1.0)
    row_centre, column_centre = (height - 1) / 2, (width - 1) / 2

    def centred(by_row: "Array", by_column: "Array", centre: float, shift: "Array") -> "Array":
        by_row, by_column = by_row * vertical, by_column * horizontal
        offset = centre + shift - by_row * row_centre - by_column * column_centre
        return jnp.stack([by_row, by_column, offset], axis=-1)

    to_row = centred(y_y, y_x, row_centre, sin * tx + cos * ty)
    to_column = centred(x_y, x_x, column_centre, cos * tx - sin * ty)
    return jnp.stack([to_row, to_column], axis=1).astype(jnp.float32)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _zoom_bounds(zoom: Any) -> tuple[float, float]:
    """Lowest and highest factor; one number z means 1 - z to 1 + z, as in Keras."""
    bounds = (1 - zoom, 1 + zoom) if _is_number(zoom) else zoom
    valid = (
        isinstance(bounds, tuple | list)
        and len(bounds) == 2
        and all(map(_is_number, bounds))
        and 0 < bounds[0] <= bounds[1] <= 10
    )
    if not valid:
        raise InputError(
            f"augmentation.zoom_range is {zoom!r}, it must be a number from 0 to below 1, or "
            "the lowest and highest factor, above 0 and up to 10."
        )
    return float(bounds[0]), float(bounds[1])
