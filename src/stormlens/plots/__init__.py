"""
Pictures of storms, ideas, trainings, scores and networks: one function for each picture.

Every function takes data and, where it draws one panel, the axes to draw on,
and returns the axes or the figure. None computes a score, touches pyplot's
global state or opens a window: save the figure with ``figure.savefig``, or
`show` it in a notebook with its alternative text. Boxes are drawn north up.
Pictures of simulated data say so.
"""

from typing import TYPE_CHECKING

from stormlens._lazy import on_first_use

if TYPE_CHECKING:
    from stormlens.plots._chain import radar_chain
    from stormlens.plots._climatology import climatology_map, mode_cycle, mode_shares
    from stormlens.plots._comparison import (
        Mark,
        entrant_marks,
        learning_curve,
        performance_diagram,
        skill_by_time,
    )
    from stormlens.plots._concepts import (
        activation,
        convolution_crossover,
        convolution_step,
        kernel,
        kernel_gallery,
        patches_firing,
        pooling,
    )
    from stormlens.plots._curves import chapter_comparison, history
    from stormlens.plots._explain import attribution, attributions, maximised
    from stormlens.plots._failures import failures
    from stormlens.plots._field import probability_field
    from stormlens.plots._filters import filters, kernels_applied, resemblance
    from stormlens.plots._geography import borders
    from stormlens.plots._insight import feature_maps, inside, inside_by_mode
    from stormlens.plots._map import mosaic_map
    from stormlens.plots._picture import Picture, alt_text, show
    from stormlens.plots._published import beside_published
    from stormlens.plots._radar import (
        COLOURS,
        NWS_COLOURS,
        colour_bar,
        contact_sheet,
        reflectivity_palette,
        storm_box,
    )
    from stormlens.plots._scores import confusion, reliability
    from stormlens.plots._speed import speed
    from stormlens.plots._storms import embedding, mean_boxes, neighbours
    from stormlens.plots._style import MODE_COLOURS, class_colours
    from stormlens.plots._sweep import sweep_field, sweep_rungs
    from stormlens.plots._trust import faithfulness, sanity

__all__ = [
    "COLOURS",
    "MODE_COLOURS",
    "NWS_COLOURS",
    "Mark",
    "Picture",
    "activation",
    "alt_text",
    "attribution",
    "attributions",
    "beside_published",
    "borders",
    "chapter_comparison",
    "class_colours",
    "climatology_map",
    "colour_bar",
    "confusion",
    "contact_sheet",
    "convolution_crossover",
    "convolution_step",
    "embedding",
    "entrant_marks",
    "failures",
    "faithfulness",
    "feature_maps",
    "filters",
    "history",
    "inside",
    "inside_by_mode",
    "kernel",
    "kernel_gallery",
    "kernels_applied",
    "learning_curve",
    "maximised",
    "mean_boxes",
    "mode_cycle",
    "mode_shares",
    "mosaic_map",
    "neighbours",
    "patches_firing",
    "performance_diagram",
    "pooling",
    "probability_field",
    "radar_chain",
    "reflectivity_palette",
    "reliability",
    "resemblance",
    "sanity",
    "show",
    "skill_by_time",
    "speed",
    "storm_box",
    "sweep_field",
    "sweep_rungs",
]

_HOMES = {
    "_chain": "radar_chain",
    "_climatology": "climatology_map mode_cycle mode_shares",
    "_comparison": "Mark entrant_marks learning_curve performance_diagram skill_by_time",
    "_concepts": "activation convolution_crossover convolution_step kernel kernel_gallery "
    "patches_firing pooling",
    "_curves": "chapter_comparison history",
    "_explain": "attribution attributions maximised",
    "_failures": "failures",
    "_field": "probability_field",
    "_filters": "filters kernels_applied resemblance",
    "_geography": "borders",
    "_insight": "feature_maps inside inside_by_mode",
    "_map": "mosaic_map",
    "_picture": "Picture alt_text show",
    "_published": "beside_published",
    "_radar": "COLOURS NWS_COLOURS colour_bar contact_sheet reflectivity_palette storm_box",
    "_scores": "confusion reliability",
    "_speed": "speed",
    "_storms": "embedding mean_boxes neighbours",
    "_style": "MODE_COLOURS class_colours",
    "_sweep": "sweep_field sweep_rungs",
    "_trust": "faithfulness sanity",
}

on_first_use(__name__, _HOMES)
