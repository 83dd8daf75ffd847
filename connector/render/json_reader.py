"""A JSON document that is read entry by entry, since it may be larger than what there is of memory."""

import json
from collections.abc import Iterator
from typing import Any, TextIO

CHUNK = 1 << 16
"""Characters that are read at once, or as many as the value in hand has so far."""

_GOES_ON = ("", *".eE+-0123456789")


class Reader:
    """Goes once through a file with one JSON object. ``ValueError`` for whatever is none."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._decode = json.JSONDecoder().raw_decode
        self._text = ""
        self._at = 0

    def names(self) -> Iterator[str]:
        """The names in the object; before the next one, the value has to be taken by ``value`` or ``items``."""
        for _ in self._between("{", "}"):
            name = self.value()
            if not isinstance(name, str):
                raise ValueError("no name")
            self._take(":")
            yield name
        if self._next():
            raise ValueError("something comes after the object")

    def is_list(self) -> bool:
        """Whether the value that comes next is a list."""
        return self._next() == "["

    def items(self) -> Iterator[Any]:
        """The items of the list that comes next, one at a time."""
        for _ in self._between("[", "]"):
            yield self.value()

    def value(self) -> Any:
        """The value that comes next."""
        self._next()
        while True:
            try:
                found, end = self._decode(self._text, self._at)
            except ValueError:
                if not self._more():
                    raise
                continue
            length = end - self._at
            # A number may have been cut off: 12 of 12.5, or of 120.
            if self._text[end : end + 1] not in _GOES_ON or not self._more():
                self._at += length
                return found

    def _between(self, begin: str, end: str) -> Iterator[None]:
        self._take(begin)
        if self._next() != end:
            yield
            while self._next() == ",":
                self._take(",")
                yield
        self._take(end)

    def _take(self, mark: str) -> None:
        if self._next() != mark:
            raise ValueError(f"no {mark}")
        self._at += 1

    def _next(self) -> str:
        """The next character that is no white space; blank at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\n\r":
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def _more(self) -> bool:
        more = self._file.read(max(CHUNK, len(self._text) - self._at))
        self._text, self._at = self._text[self._at :] + more, 0
        return bool(more)
