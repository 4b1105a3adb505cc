"""Canaries: values of high entropy that survive databases, forms and URLs, and stand nowhere but where they are planted."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from audit.leaks.seeds import Kind, Seed


class Shape(StrEnum):
    NAME = "name"
    MAIL = "e-mail"
    NUMBER = "number"
    TOKEN = "token"  # noqa: S105 - a shape, no credential


_FIRST, _VOWELS = "bdfgklmnprstvz", "aeiou"
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_DOMAINS = ("example.com", "example.net", "example.org")
Draw = Callable[[int], int]
"""A number below another, as `secrets.randbelow` draws it."""


def canaries(count: int, label: str, draw: Draw) -> list[Seed]:
    """New canaries, the shapes in turn. No two alike; each holds 49 bits or more."""
    found: dict[str, Seed] = {}
    shapes = tuple(Shape)
    while len(found) < count:
        value = _MAKERS[shapes[len(found) % len(shapes)]](draw)
        found.setdefault(value, Seed(value, Kind.CANARY, label))
    return list(found.values())


def shape_of(value: str) -> Shape:
    """Which shape a canary has."""
    if "@" in value:
        return Shape.MAIL
    if value.isdigit():
        return Shape.NUMBER
    return Shape.NAME if " " in value else Shape.TOKEN


def _pick(letters: str, number: int, draw: Draw) -> str:
    return "".join(letters[draw(len(letters))] for _ in range(number))


def _word(syllables: int, draw: Draw) -> str:
    return "".join(_pick(_FIRST, 1, draw) + _pick(_VOWELS, 1, draw) for _ in range(syllables)).capitalize()


def _name(draw: Draw) -> str:
    return f"{_word(4, draw)} {_word(5, draw)}"


def _mail(draw: Draw) -> str:
    return f"{_word(2, draw).lower()}.{_pick(_ALPHABET, 10, draw)}@{_DOMAINS[draw(len(_DOMAINS))]}"


def _number(draw: Draw) -> str:
    """Fifteen digits: every program that reads JSON keeps them. Never a card number: the check digit is wrong."""
    digits = str(1 + draw(9)) + _pick("0123456789", 14, draw)
    return digits if _luhn(digits) else digits[:-1] + str((int(digits[-1]) + 1) % 10)


def _luhn(digits: str) -> int:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + place % 2)
        total += number - 9 if number > 9 else number
    return total % 10


def _token(draw: Draw) -> str:
    return "cn" + _pick(_ALPHABET, 18, draw)


_MAKERS: dict[Shape, Callable[[Draw], str]] = {
    Shape.NAME: _name,
    Shape.MAIL: _mail,
    Shape.NUMBER: _number,
    Shape.TOKEN: _token,
}
