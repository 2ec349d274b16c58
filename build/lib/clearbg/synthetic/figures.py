"""The catalogue of figures: who draws them, their materials, and the places where they occur."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from clearbg.synthetic import animals, people, plants, things, vehicles
from clearbg.synthetic.colors import distance, material, mixed
from clearbg.synthetic.silhouettes import Part


@dataclass(frozen=True)
class Figure:
    """A kind of subject.

    Attributes:
        draw: the function that draws it.
        scenes: names of the places where it occurs, separated by blanks.
        main, second, accent: materials of its colors, as `colors.material` takes them.
        stance: "stands" (upright on the floor), "lies" (seen from above), "floats", or "rises"
            (from below the lower border).
        weight: relative frequency.
    """

    draw: Callable[[Generator], list[Part]]
    scenes: str
    main: str
    second: str
    accent: str = "paint"
    stance: str = "stands"
    weight: float = 1.0


LAND = "field field thicket surface "
HOME = "room room studio surface "
TOWN = "street street field room studio "
AIR = "sky sky thicket field shore "
TABLE = "surface surface room studio "
FUR = "fur fur fur stone"
MADE = "paint paint cloth metal wood any"
FIGURES = (
    Figure(animals.quadruped, LAND, FUR, "fur light dark", weight=1.8),
    Figure(animals.resting, LAND + HOME, FUR, "fur light", "fruit leaf", weight=2.0),
    Figure(animals.close_up, LAND, FUR, "fur light", "fruit leaf", weight=1.4),
    Figure(animals.bird, LAND + AIR, "plumage", "plumage light", "fruit dark", weight=1.8),
    Figure(animals.flier, AIR, "plumage petal", "plumage petal", "dark fruit", "floats", 1.3),
    Figure(animals.crawler, TABLE + LAND, "fur leaf plumage", "leaf fur", "dark", "lies", 0.7),
    Figure(animals.fish, "shore sky surface studio", "plumage metal fruit", "plumage light",
           "dark paint", "floats", 0.9),
    Figure(people.person, TOWN + "shore", "cloth any paint", "cloth dark", weight=1.8),
    Figure(people.bust, TOWN + "thicket", "cloth any paint", "light cloth", "paint", "rises", 1.8),
    Figure(plants.flower, "thicket thicket studio field", "petal", "petal", "fruit", weight=1.1),
    Figure(plants.tree, "field field shore studio", "leaf foliage petal", "leaf", weight=0.8),
    Figure(plants.potted, HOME + "street", MADE, "light", weight=0.9),
    Figure(plants.fruit, TABLE, "fruit", "fruit", stance="lies", weight=1.8),
    Figure(plants.dish, TABLE, "food", "food light paint", "food fruit", "lies", 1.6),
    Figure(vehicles.car, "street street field", "paint any", "paint metal", weight=1.5),
    Figure(vehicles.bicycle, "street field studio", "paint dark", "metal", weight=0.3),
    Figure(vehicles.craft, "sky shore", "paint light metal", "paint cloth", "paint", "floats", 0.9),
    Figure(things.seat, HOME, MADE, "cloth any", weight=1.2),
    Figure(things.vessel, TABLE + "thicket", MADE, "paint light any", weight=1.9),
    Figure(things.sign, "street sky field", "paint", "light paint", "dark paint", weight=1.3),
    Figure(things.block, TOWN + HOME, MADE, "paint glass dark light", weight=1.5),
    Figure(things.toy, TABLE + LAND, MADE, "any light paint", weight=1.7),
    Figure(things.tool, TABLE + "street", MADE, "wood metal any", stance="lies", weight=0.3),
)  # fmt: skip
PERSONS = tuple(figure for figure in FIGURES if figure.draw in (people.person, people.bust))
VEHICLES = (
    Figure(vehicles.car, "street street field", "paint any", "paint metal", weight=8.0),
    Figure(vehicles.bicycle, "street field studio", "paint dark", "metal", weight=1.0),
)
BLACK, WHITE = np.zeros(3, np.float32), np.ones(3, np.float32)
TONES = ("main", "shade", "second", "accent", "skin", "hair", "leaf", "wood", "metal", "glass",
         "dark", "light", "food", "fruit")  # fmt: skip


def chosen(rng: Generator, figures: Sequence[Figure]) -> Figure:
    """One of the figures, by weight."""
    weights = np.array([figure.weight for figure in figures])
    return figures[rng.choice(len(figures), p=weights / sum(figure.weight for figure in figures))]


def without(figures: Sequence[Figure]) -> tuple[Figure, ...]:
    """The catalogue without the given figures."""
    drawn = {figure.draw for figure in figures}
    return tuple(figure for figure in FIGURES if figure.draw not in drawn)


def paints(
    rng: Generator, figure: Figure, background: np.ndarray, contrast: float
) -> dict[str, np.ndarray]:
    """A color for each of `TONES`.

    The main color is drawn until it differs from the `background`, a color, by `contrast`
    (CIE76). After eight draws the one that differs most is taken and made lighter or darker.
    """
    candidates = []
    for _ in range(8):
        candidates.append(material(rng, figure.main))
        if distance(candidates[-1], background) >= contrast:
            break
    main = max(candidates, key=lambda color: distance(color, background))
    if distance(main, background) < contrast:
        main = mixed(main, BLACK if background.mean() > 0.45 else WHITE, 0.35)
    coats = {tone: material(rng, tone) for tone in TONES[4:]}
    coats["main"] = main
    coats["shade"] = main * np.float32(rng.uniform(0.6, 0.95))
    coats["second"] = mixed(material(rng, figure.second), main, rng.uniform(0.1, 0.6))
    coats["accent"] = material(rng, figure.accent)
    return coats
