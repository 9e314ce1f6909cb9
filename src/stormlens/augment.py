"""
Augmentation in the chapter's terms: random rotations, shifts, zooms and flips, and other radars.

The names and meanings are those of Keras's ImageDataGenerator. Rotation and
shear are in degrees (0.1 is a tenth of a degree: nothing moves), shifts are
fractions of the box, and flips come last. All of them compose one affine map
per sample, so each image is interpolated once. One difference: a width shift
here moves along the width; Keras 3 draws its x shift from height_shift_range.

After the map, pixel by pixel, echo changes as another radar or product would
have shown the same storm: stronger or weaker, cut off below a threshold, or lost
over a part of the box.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from stormlens.errors import InputError, unknown
from stormlens.stormbox import MAX_DBZ

if TYPE_CHECKING:
    from jax import Array

_LIMITS = {
    "rotation_range": (0.0, 180.0),
    "width_shift_range": (0.0, 1.0),
    "height_shift_range": (0.0, 1.0),
    "shear_range": (0.0, 89.0),
    "cval": (0.0, 255.0),
    "offset_range": (0.0, 20.0),
    "cutoff_range": (0.0, float(MAX_DBZ)),
    "dropout_range": (0.0, 1.0),
}
_RADAR = ("offset_range", "scale_range", "cutoff_range", "dropout_range")
_HIGH_CUTOFF, _LARGE_DROPOUT = 35.0, 0.5  # above these storms vanish


@dataclass(frozen=True)
class Augmentation:
    """
    Ranges that random transforms are drawn from.

    Attributes
    ----------
    rotation_range : float
        Rotates by up to this many degrees either way, 0 to 180.
    width_shift_range, height_shift_range : float
        Moves by up to this fraction of the width or height either way, 0 to 1. A shift
        also moves the storm report out of the centre.
    shear_range : float
        Shears by up to this angle in degrees either way, 0 to 89.
    zoom_range : tuple of float
        Lowest and highest factor, drawn separately for rows and columns; under 1 enlarges.
    horizontal_flip, vertical_flip : bool
        Mirror half of the samples east-west, north-south.
    fill_mode : {"reflect", "nearest", "constant", "wrap"}
        What lies beyond the edge.
    cval : float
        Value beyond the edge for ``constant``, in dBZ.
    offset_range : float
        Adds or subtracts up to this many dBZ on all echo of a box, 0 to 20, as radars differ in
        their calibration. Pixels without echo stay 0, and echo stays within 0 to 80 dBZ.
    scale_range : tuple of float
        Lowest and highest factor on the echo of a box, before the offset and with its bounds.
    cutoff_range : float
        Highest of the thresholds in dBZ, drawn from 0 on, below which echo reads 0, as products
        differ in what they show; 0 to 80.
    dropout_range : float
        Largest share of the box, 0 to 1, that is lost (0) in half of the samples, as where a
        radar is off: a disc anywhere, or everything beyond a straight line, equally often.

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
    offset_range: float = 0.0
    scale_range: tuple[float, float] = (1.0, 1.0)
    cutoff_range: float = 0.0
    dropout_range: float = 0.0

    def __post_init__(self) -> None:
        from stormlens.ops import FILL_MODES

        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if not _is_number(value) or not low <= value <= high:
                raise InputError(
                    f"augmentation.{name} is {value!r}, it must lie in [{low:g}, {high:g}]."
                )
        for name in ("zoom_range", "scale_range"):
            object.__setattr__(self, name, _factors(name, getattr(self, name)))
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
        The settings as TOML can write them.

        Returns
        -------
        values : dict
            All settings that Keras knows; of those for other radars only the ones in use.
        """
        values = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        at_rest = {f.name for f in fields(self) if getattr(self, f.name) == f.default}
        return {k: v for k, v in values.items() if k not in _RADAR or k not in at_rest}

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
        notes = [
            f"{name} is {getattr(self, name):g} degrees: "
            "under one degree it moves nothing that can be seen."
            for name in ("rotation_range", "shear_range")
            if 0 < getattr(self, name) < 1
        ]
        if self.cutoff_range > _HIGH_CUTOFF:
            notes.append(
                f"cutoff_range is {self.cutoff_range:g} dBZ: beyond {_HIGH_CUTOFF:g} dBZ it takes "
                "whole storms away."
            )
        if self.dropout_range > _LARGE_DROPOUT:
            notes.append(
                f"dropout_range is {self.dropout_range:g}: beyond {_LARGE_DROPOUT:g} it takes "
                "whole storms away."
            )
        return tuple(notes)

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

        # A seed gives the same images only as long as each of these keeps its place.
        turning, along, across, slanting, zooming, mirroring, flipping = jax.random.split(key, 7)

        def symmetric(key: "Array", bound: float) -> "Array":
            return jax.random.uniform(key, (count,), minval=-bound, maxval=bound)

        low, high = self.zoom_range
        zoom = jax.random.uniform(zooming, (2, count), minval=low, maxval=high)
        return affine_matrices(
            theta=symmetric(turning, self.rotation_range),
            tx=symmetric(along, self.width_shift_range) * width,
            ty=symmetric(across, self.height_shift_range) * height,
            shear=symmetric(slanting, self.shear_range),
            zx=zoom[0],
            zy=zoom[1],
            flip_horizontal=self.horizontal_flip & jax.random.bernoulli(mirroring, 0.5, (count,)),
            flip_vertical=self.vertical_flip & jax.random.bernoulli(flipping, 0.5, (count,)),
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
        import jax

        # `matrices` splits the key in seven, numbers 0 to 6; number 7 is none of them.
        return self._as_seen(jax.random.fold_in(key, 7), self._moved(key, images))

    def _moved(self, key: "Array", images: "Array") -> "Array":
        import jax.numpy as jnp

        from stormlens.ops import warp

        ranges = (self.rotation_range, self.width_shift_range, self.height_shift_range)
        is_still = not any((*ranges, self.shear_range, self.horizontal_flip, self.vertical_flip))
        if is_still and self.zoom_range == (1, 1):
            return images.astype(jnp.float32)
        matrices = self.matrices(key, *images.shape)
        return warp(images, matrices, self.fill_mode, self.cval)

    def _as_seen(self, key: "Array", values: "Array") -> "Array":
        """Values of float32 as another radar or product would show them."""
        import jax
        import jax.numpy as jnp

        count, height, width = values.shape
        # As in `matrices`, each keeps its place.
        scaling, adding, cutting, losing, sharing, down, across, turning = jax.random.split(key, 8)

        def uniform(key: "Array", low: float, high: float) -> "Array":
            return jax.random.uniform(key, (count,), minval=low, maxval=high)

        if self.offset_range or self.cutoff_range or self.scale_range != (1, 1):
            values = change_echo(
                values,
                scale=uniform(scaling, *self.scale_range),
                offset=uniform(adding, -self.offset_range, self.offset_range),
                cutoff=uniform(cutting, 0, self.cutoff_range),
            )
        if self.dropout_range:
            # Half of the samples lose nothing, a quarter a disc, a quarter what is beyond a line.
            chance = uniform(losing, 0, 1)
            lost = dropped_out(
                share=jnp.where(chance < 0.5, uniform(sharing, 0, self.dropout_range), 0),
                is_disc=chance < 0.25,
                row=uniform(down, 0, height),
                column=uniform(across, 0, width),
                angle=uniform(turning, 0, 360),
                height=height,
                width=width,
            )
            values = jnp.where(lost, 0, values)
        return values


def change_echo(values: "Array", *, scale: "Array", offset: "Array", cutoff: "Array") -> "Array":
    """
    Echo made stronger or weaker, then cut off from below.

    Parameters
    ----------
    values : Array of float, shape (N, H, W)
        dBZ; 0 is no echo, and stays so.
    scale : Array of float, shape (N,)
        Factor.
    offset : Array of float, shape (N,)
        What is added, in dBZ. The result is kept within 0 to 80 dBZ.
    cutoff : Array of float, shape (N,)
        Echo that is then weaker than this many dBZ becomes 0.

    Returns
    -------
    changed : Array of float, shape (N, H, W)
    """
    import jax.numpy as jnp

    scale, offset, cutoff = (a[:, None, None] for a in (scale, offset, cutoff))
    changed = jnp.clip(values * scale + offset, 0, MAX_DBZ)
    return jnp.where((values > 0) & (changed >= cutoff), changed, 0)


def dropped_out(
    *,
    share: "Array",
    is_disc: "Array",
    row: "Array",
    column: "Array",
    angle: "Array",
    height: int,
    width: int,
) -> "Array":
    """
    What a radar that is off leaves unseen: a disc, or all beyond a straight line.

    Parameters
    ----------
    share : Array of float, shape (N,)
        Of the box's area, 0 to 1; less where a disc reaches beyond the box.
    is_disc : Array of bool, shape (N,)
        Whether it is a disc.
    row, column : Array of float, shape (N,)
        Centre of a disc, in pixels.
    angle : Array of float, shape (N,)
        Towards what lies beyond a line, in degrees from the columns' direction to the rows'.
    height, width : int
        Pixels of an image.

    Returns
    -------
    unseen : Array of bool, shape (N, H, W)
    """
    import jax.numpy as jnp

    def each(values: "Array") -> "Array":
        return values[:, None, None]

    rows, columns = jnp.arange(height)[:, None], jnp.arange(width)
    squares = (rows - each(row)) ** 2 + (columns - each(column)) ** 2
    in_disc = squares < each(share * height * width / jnp.pi)

    cos, sin = jnp.cos(jnp.deg2rad(angle)), jnp.sin(jnp.deg2rad(angle))
    long, short = (
        side(jnp.abs(sin) * height, jnp.abs(cos) * width) for side in (jnp.maximum, jnp.minimum)
    )
    along = each(sin) * (rows - (height - 1) / 2) + each(cos) * (columns - (width - 1) / 2)
    beyond = along > each((long + short) / 2 - _depth(share, long, short))
    return jnp.where(each(is_disc), in_disc, beyond)


def _depth(share: "Array", long: "Array", short: "Array") -> "Array":
    """
    How far from a box's far corner a line cuts off a share of its area.

    Projected on the line's normal, the box's profile is a trapezoid of width `long` + `short`.
    From the corner the area within a distance first grows as the square (a triangle), then
    linearly, then as the square again up to the whole. This is the inverse.
    """
    import jax.numpy as jnp

    corner, twice = short / (2 * long), 2 * long * short
    return jnp.select(
        [share < corner, share < 1 - corner],
        [jnp.sqrt(twice * share), short / 2 + long * share],
        long + short - jnp.sqrt(twice * (1 - share)),
    )


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


def _factors(name: str, given: Any) -> tuple[float, float]:
    """Lowest and highest factor; one number z means 1 - z to 1 + z, as in Keras."""
    bounds = (1 - given, 1 + given) if _is_number(given) else given
    valid = (
        isinstance(bounds, tuple | list)
        and len(bounds) == 2
        and all(map(_is_number, bounds))
        and 0 < bounds[0] <= bounds[1] <= 10
    )
    if not valid:
        raise InputError(
            f"augmentation.{name} is {given!r}, it must be a number from 0 to below 1, or "
            "the lowest and highest factor, above 0 and up to 10."
        )
    return float(bounds[0]), float(bounds[1])
