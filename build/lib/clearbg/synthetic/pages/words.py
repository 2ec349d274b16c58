"""Nonsense that looks like language: words of three languages, numbers and phrases.

Syllables are an onset, a vowel and a coda; a part listed twice is drawn twice as often.
"""

from dataclasses import dataclass

from numpy.random import Generator

LENGTHS = (1, 1, 1, 1, 2, 2, 2, 2, 2, 3)  # syllables


@dataclass(frozen=True)
class Language:
    """The parts of a language's syllables, its little words, and its share of capitals."""

    onsets: tuple[str, ...]
    vowels: tuple[str, ...]
    codas: tuple[str, ...]
    little: tuple[str, ...]
    capitals: float

    def word(self, rng: Generator) -> str:
        """One word in lower case, a little one every third time."""
        picks = rng.integers(0, 1 << 20, 14).tolist()
        if picks[0] % 3 == 0:
            return _of(self.little, picks[1])
        parts = []
        for syllable in range(_of(LENGTHS, picks[1])):
            onset, vowel, coda = picks[2 + 3 * syllable : 5 + 3 * syllable]
            parts += [_of(self.onsets, onset), _of(self.vowels, vowel), _of(self.codas, coda)]
        return "".join(parts)


def _of(items: tuple, pick: int):
    return items[pick % len(items)]


def _parts(letters: str) -> tuple[str, ...]:
    """Parts divided by blanks; an underscore stands for none."""
    return tuple(letters.replace("_", "").split(" "))


ENGLISH = Language(
    _parts("_ _ t t th th s s w h h b c d f l m n p r st sh wh br pr tr fl gr ch"),
    _parts("e e e a a o o i i u ea ou ee ai oo"),
    _parts("_ _ _ _ n n r r s s t d l ll nd ng st th ght"),
    _parts("the the of and to in a that be is for it with as by not or"),
    0.08,
)
GERMAN = Language(
    _parts("_ _ d d s g b h w m n r l f v z t k st sch gr br schl tr pf"),
    _parts("e e e e i i a a u o ei ie au eu"),
    _parts("_ _ _ _ n n en er r s t ch ng nd st cht lich"),
    _parts("der die das und in zu den von mit sie er es ist nicht ein auf"),
    0.3,
)
LATIN = Language(
    _parts("_ _ c c d d p p s s t m n r l v f qu pr tr gr st"),
    _parts("a a e e i i i o u u ae"),
    _parts("_ _ _ _ s s m m t r n us um is nt x"),
    _parts("et et in ad non cum ut est de per ex quod sed"),
    0.07,
)
LANGUAGES = (ENGLISH, GERMAN, LATIN)


def phrase(rng: Generator, language: Language, count: int, start: bool = True) -> list[str]:
    """`count` words with punctuation and now and then a number; `start` begins a sentence."""
    words = []
    for chance, mark in rng.random((count, 2)).tolist():
        word = number(rng) if chance > 0.97 else language.word(rng)
        if start or chance < language.capitals:
            word = word.capitalize()
        start = mark > 0.93
        words.append(word + ("." if start else "," if mark > 0.84 else ";" if mark > 0.82 else ""))
    return words


def title(rng: Generator, language: Language, count: int) -> list[str]:
    """`count` words of a heading: capitalized, or in capitals throughout."""
    words = [language.word(rng) for _ in range(count)]
    shout = rng.random() < 0.5
    return [word.upper() if shout else word.capitalize() for word in words]


def number(rng: Generator) -> str:
    """A year, an amount, a reference or a small number."""
    kind, value = rng.integers(4), int(rng.integers(1, 1000))
    if kind == 0:
        return str(1500 + value % 420)
    if kind == 1:
        return f"{value}.{value % 10}0"
    return str(value % 100 + 1) if kind == 2 else f"{value % 12 + 1}/{value % 28 + 1}"
