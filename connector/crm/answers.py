"""JSON answers decoded no further than they are looked at: a page of 2,000 leads stays bytes until a row is asked for.

The whole answer is checked for well-formed JSON and UTF-8 all the same, so a truncated page never passes for one.
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, overload

import msgspec

from connector.texts import is_blank

REPLACED = "\ufffd"
"""Stands for a character that can't be kept."""
LEAN_FROM = 32 * 1024
"""Bytes; below, decoding everything at once costs nothing worth saving."""

_plain = msgspec.json.Decoder(float_hook=str)
_exact = msgspec.json.Decoder(float_hook=Decimal)
_exactly = msgspec.json.Encoder(decimal_format="number")
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])


class RawRows(Sequence[dict[str, Any]]):
    """The objects of a JSON list, each decoded when it is asked for; ``raw`` holds their bytes."""

    __slots__ = ("raw",)

    def __init__(self, raw: Sequence[msgspec.Raw]) -> None:
        self.raw = raw

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> "RawRows": ...
    def __getitem__(self, index: int | slice) -> "dict[str, Any] | RawRows":
        if isinstance(index, slice):
            return RawRows(self.raw[index])
        row: dict[str, Any] = _plain.decode(self.raw[index])
        return row

    def __len__(self) -> int:
        return len(self.raw)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(_plain.decode, self.raw)


def decode(body: bytes, shape: type[msgspec.Struct] | None = None) -> Any:
    """The answer's JSON, numbers with a fraction as their literal text; in large answers, lists of objects are ``RawRows``.

    ``shape``: how the answer most likely looks, with ``list[msgspec.Raw]`` where the rows are. Should it look just like
    that, it is gone through once instead of once per level; the result is the same. Half of a character, as a text has it
    that was cut inside an emoji, and the character NUL, which no warehouse keeps, are U+FFFD. Raises ``ValueError`` for anything
    that is not JSON in UTF-8.
    """
    body = _whole_characters(body.removeprefix(b"\xef\xbb\xbf"))
    if len(body) < LEAN_FROM:
        return _plain.decode(body)
    _check_characters(body)
    if shape is not None:
        try:
            return _opened(_shaped(shape).decode(body))
        except msgspec.ValidationError:
            pass
    return _lean(body)


def decode_exact(body: bytes) -> Any:
    """The answer's JSON with all its types; numbers with a fraction are ``Decimal``, so that they can go back as they came.

    Half a character can't go back as it came, so it is a ``ValueError`` here.
    """
    return _exact.decode(body.removeprefix(b"\xef\xbb\xbf"))


_OBJECT = ord("{")


def _check_characters(body: bytes) -> None:
    """``ValueError`` for what is not UTF-8; ten times as fast as decoding it, which makes a text of everything."""
    if body.isascii():
        return
    import pyarrow as pa  # not on top: who sends never comes here

    ends = pa.py_buffer(struct.pack("=ii", 0, len(body)))
    pa.StringArray.from_buffers(1, ends, pa.py_buffer(body)).validate(full=True)


_ESCAPE = re.compile(
    rb"\\(?:u([0-9A-Fa-f]{4})(?:(?<=[dD][89abAB][0-9A-Fa-f]{2})(\\u[dD][c-fC-F][0-9A-Fa-f]{2}))?|.)",
    re.DOTALL,
)
_ODD = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")


_mended = 0  # Only that it changes counts, so threads need no lock.


def mended() -> int:
    """How many answers this process has had so far in which characters were replaced: who sees it grow may look for them."""
    return _mended


def _whole_characters(body: bytes) -> bytes:
    """The same JSON without escapes that stand for half a character or for NUL; nearly always there are none."""
    global _mended
    if not _ODD.search(body):
        return body
    whole = _ESCAPE.sub(_whole, body)
    _mended += whole != body
    return whole


def _whole(escape: re.Match[bytes]) -> bytes:
    code, low = escape.groups()
    if code is None or low is not None:
        return escape.group()
    return rb"\ufffd" if code == b"0000" or 0xD800 <= int(code, 16) <= 0xDFFF else escape.group()


def encode_exact(value: Any) -> bytes:
    """JSON in UTF-8 in which a ``Decimal`` is a number."""
    return _exactly.encode(value)


@cache
def _shaped(shape: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape, float_hook=str)


def _opened(part: Any) -> Any:
    """The shaped answer as the plain one: structs are dicts, lists of objects are ``RawRows``."""
    if isinstance(part, msgspec.Struct):
        return {
            name: _opened(value)
            for name in part.__struct_fields__
            if (value := getattr(part, name)) is not msgspec.UNSET
        }
    if isinstance(part, list) and part and isinstance(part[0], msgspec.Raw):
        return _rows(part)
    return part


def _lean(part: bytes | msgspec.Raw) -> Any:
    start = bytes(memoryview(part)[:1])
    if len(memoryview(part)) < LEAN_FROM or start not in (b"{", b"["):
        return _plain.decode(part)
    if start == b"{":
        return {name: _lean(value) for name, value in _object.decode(part).items()}
    return _rows(_list.decode(part))


def _rows(items: list[msgspec.Raw]) -> "RawRows | list[Any]":
    if all(memoryview(item)[0] == _OBJECT for item in items):
        return RawRows(items)
    return [_plain.decode(item) for item in items]


UNLISTED: Sequence[dict[str, Any]] = ()
"""The rows of a page whose answer says that there are none, and has no list: believed when it is said twice."""


def says_none(total: Any) -> bool:
    """Whether a total is 0, as a number or as text."""
    return not isinstance(total, bool) and isinstance(total, int | str) and str(total).strip() == "0"


def first_text(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """The first of these fields that is a text and not blank, as the API wrote it."""
    return next(
        (row[name] for name in names if isinstance(row.get(name), str) and not is_blank(row[name])), None
    )


def flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested object as path -> value: ``{"contact": {"phone": "1"}}`` is ``{"contact.phone": "1"}``; lists stay lists.

    The paths are the field names that a push uses, and ``column_name`` makes the columns of them. A name that has dots in
    it and reads like the path of another value is put in quotes: ``{"a": {"b": 1}, "a.b": 2}`` is ``{"a.b": 1, "'a.b'": 2}``.
    """
    found: dict[str, Any] = {}
    for name, value in sorted(row.items(), key=lambda item: "." in item[0]):
        inner = _flat_part(f"{prefix}{name}", value)
        found |= inner if found.keys().isdisjoint(inner) else _flat_part(f"{prefix}'{name}'", value)
    return found


def _flat_part(path: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return flat(value, f"{path}.")
    return {path: list(value) if isinstance(value, RawRows) else value}
