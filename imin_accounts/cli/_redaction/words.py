"""What stands for each word of a document: another one of the same shape, the same wherever it stands.

Drawn at random, and nothing of it is kept: so nobody can try out guesses, as with a hash. No two words become
the same, since a reader would see problems where there were none, or none where there were.
"""

import math
import re
import string
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import product
from random import Random

WORD = r"[^\s!-/:-@\[-`{-~]+"
"""As a regular expression: all between white space and ASCII's punctuation."""
SHORT = 3
"""Characters of the longest word that says nothing alone: what stands for it may be one of the document."""

_TRIES = 30
_FEW = 1000
"""Words of one shape that a document may well have all of, such as numbers of three digits."""
_LETTERS = "àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ"
_SIGNS = "·†‡‰€™←→↑↓■□●○◆◇"
_CONTROLS = "\x01\x02\x03\x04\x05\x06\x0e\x0f\x10\x11\x12\x13"
_KINDS: tuple[tuple[Callable[[str], bool], str], ...] = (
    (string.ascii_lowercase.__contains__, string.ascii_lowercase),
    (string.ascii_uppercase.__contains__, string.ascii_uppercase),
    (string.digits.__contains__, string.digits),
    (str.isspace, " \t"),
    (lambda each: not each.isprintable(), _CONTROLS),
    (str.isascii, string.punctuation),
    (str.isalpha, _LETTERS),
    (lambda _: True, _SIGNS),
)


@cache
def alphabet(character: str) -> str:
    """Characters of the same kind."""
    return next(alphabet for is_of, alphabet in _KINDS if is_of(character))


class Words:
    """What each word of one document becomes.

    Args:
        texts: All that may hold a word that must not be seen again.

    Attributes:
        dice: What is random of it.
    """

    def __init__(self, texts: Iterable[str], dice: Random) -> None:
        self.dice = dice
        self._fakes: dict[tuple[str, str], str] = {}
        self._used = set[str]()
        self._cycles: dict[tuple[str, ...], dict[str, str]] = {}
        self._originals: dict[str, list[str]] = {}
        for word in {word for text in texts for word in re.findall(WORD, text)}:
            if len(word) > SHORT:  # by their first four characters, to be looked for in what is drawn
                self._originals.setdefault(word[: SHORT + 1], []).append(word)

    def word(self, word: str) -> str:
        """What stands for a word of a text."""
        alphabets = [alphabet(each) for each in word]
        if len(word) <= SHORT and math.prod(map(len, alphabets)) <= _FEW:
            return self._next_in_cycle(word, tuple(alphabets))
        if word.isascii() and word.isdigit() and word[0] != "0":
            alphabets[0] = "123456789"  # so that a number and a text of the same digits stay the same
        return self.drawn("word", word, alphabets)

    def drawn(self, kind: str, word: str, alphabets: list[str]) -> str:
        """What stands for ``word`` where it is of some ``kind``, such as a port.

        It is no other's, and holds no word of the document, if there is such a one.

        Args:
            alphabets: For each of its characters, those that may stand for it.
        """
        if (kind, word) not in self._fakes:
            mixed = [alphabets[0], *map(_mixed, alphabets[1:])]
            fakes = (
                fake
                for is_bad, of in (
                    (self._holds_original, alphabets),
                    (self._holds_original, mixed),
                    (word.__eq__, alphabets),
                    (word.__eq__, mixed),
                )
                for fake in self._draws(of)
                if fake not in self._used and fake != word and not is_bad(fake)
            )
            self.settle(kind, word, next(fakes, None) or next(self._draws(alphabets)))
        return self._fakes[kind, word]

    def one_of(self, kind: str, word: str, fakes: list[str]) -> str:
        """What stands for ``word`` where there are only so many, such as domains of two letters."""
        if (kind, word) not in self._fakes:
            taken = {fake for (other, _), fake in self._fakes.items() if other == kind}
            free = [fake for fake in fakes if fake != word and fake not in taken]
            self.settle(kind, word, self.dice.choice(free or fakes))
        return self._fakes[kind, word]

    def settle(self, kind: str, word: str, fake: str) -> str:
        """Let ``fake`` stand for ``word`` from now on."""
        self._used.add(fake)
        self._fakes[kind, word] = fake
        return fake

    def _next_in_cycle(self, word: str, alphabets: tuple[str, ...]) -> str:
        """All words of a shape in one circle: each becomes the next, so never itself, and no two the same."""
        if alphabets not in self._cycles:
            words = list(map("".join, product(*alphabets)))
            self.dice.shuffle(words)
            self._cycles[alphabets] = dict(zip(words, [*words[1:], words[0]], strict=True))
        cycle = self._cycles[alphabets]  # it has few of the letters and signs that are not ASCII's
        return cycle[word] if word in cycle else self.drawn("word", word, list(alphabets))

    def _draws(self, alphabets: list[str]) -> Iterator[str]:
        return ("".join(map(self.dice.choice, alphabets)) for _ in range(_TRIES))

    def _holds_original(self, fake: str) -> bool:
        return any(
            fake.startswith(word, at)
            for at in range(len(fake) - SHORT)
            for word in self._originals.get(fake[at : at + SHORT + 1], ())
        )


def _mixed(alphabet: str) -> str:
    """Where all words of a shape are taken: letters and digits."""
    plain = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
    return string.ascii_lowercase + string.digits if alphabet in plain else alphabet
