"""Answers decoded as far as they are looked at: the same result whichever way a body takes."""

import json
from typing import Any

import pytest

from connector.crm.answers import LEAN_FROM, RawRows, decode, decode_exact, flat
from connector.crm.convoso import Found

ROW = {"id": 7, "score": 1.10, "notes": 'Ж漢 "x"' * 40, "empty": None, "list": [1, {"a": 2.5}]}
ROWS = [{**ROW, "id": number} for number in range(100)]


def plain(value: Any) -> Any:
    """Everything decoded, whatever is still bytes."""
    if isinstance(value, RawRows):
        return list(value)
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return value


@pytest.mark.parametrize(
    "answer",
    [
        {"success": True, "data": {"offset": 0, "limit": 2000, "total": "100", "entries": ROWS}},
        {"success": True, "data": {"entries": ROWS}},
        {"success": True, "data": {"entries": ROWS, "more": 1}},
        {"success": True, "data": ROWS},
        {"results": ROWS, "offset": 0},
        {"success": True, "data": {"entries": [1, "two", None] * LEAN_FROM}},
        {"success": True, "data": {"entries": {"not": "a list" * LEAN_FROM}}},
        {"success": False, "code": 5001, "text": "x" * LEAN_FROM},
        ROWS,
    ],
)
def test_a_likely_shape_changes_nothing_but_the_time(answer: Any) -> None:
    """With and without a shape, and whether the body has it or not, the same values come out."""
    body = json.dumps(answer, ensure_ascii=False).encode()
    assert len(body) > LEAN_FROM
    expected = json.loads(body, parse_float=str)
    assert plain(decode(body)) == plain(decode(body, Found)) == expected


@pytest.mark.parametrize("cut", [1, 2, 100, 20_000])
def test_a_cut_body_is_never_an_answer(cut: int) -> None:
    """Wherever it ends too early."""
    body = json.dumps({"success": True, "data": {"entries": ROWS}}).encode()[:-cut]
    with pytest.raises(ValueError, match=r"."):
        decode(body, Found)


def test_bytes_that_are_no_utf8_are_refused() -> None:
    """Also deep within a row, which is not decoded yet."""
    body = (
        json.dumps({"success": True, "data": {"entries": ROWS}}).encode().replace(b"empty", b"emp\xff\xfe", 1)
    )
    with pytest.raises(ValueError, match=r"."):
        decode(body, Found)


def test_nested_objects_become_paths() -> None:
    """As a push names them; lists stay lists, and an empty object leaves nothing."""
    assert flat({"id": "1", "contact": {"phone": {"number": "2"}, "tags": [{"a": 1}]}, "none": {}}) == {
        "id": "1",
        "contact.phone.number": "2",
        "contact.tags": [{"a": 1}],
    }
    assert flat({"a.b": 2, "a": {"b": 1}}) == {"a.b": 1, "'a.b'": 2}
    assert flat({"a.b": {"c": 2}, "a": {"b": {"c": 1}}}) == {"a.b.c": 1, "'a.b'.c": 2}


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"cut \ud83d", "cut \ufffd"),
        (r"\uDE00 behind", "\ufffd behind"),
        (r"\ud83d\ud83d\ude00", "\ufffd😀"),
        (r"\ud83d\u0041", "\ufffdA"),
        (r"\ud83d\n", "\ufffd\n"),
        (r"whole \ud83d\ude00", "whole 😀"),
        (r"no escape \\ud83d, \\\\ud83d", r"no escape \ud83d, \\ud83d"),
        (r"nul\u0000", "nul\ufffd"),
    ],
)
@pytest.mark.parametrize("many", [1, 2_000])
def test_half_a_character_stops_no_other_lead(escaped: str, text: str, many: int) -> None:
    """What no text can hold is U+FFFD in its own place, in small and in large answers; all else stays as it is."""
    rows = json.dumps([{"id": str(number), "note": "fine"} for number in range(many)])[1:-1]
    body = f'{{"success":true,"data":{{"entries":[{{"id":"x","note":"{escaped}"}},{rows}]}}}}'.encode()
    for found in (plain(decode(body)), plain(decode(body, Found))):
        first, *others = found["data"]["entries"]
        assert first == {"id": "x", "note": text}
        assert others == [{"id": str(number), "note": "fine"} for number in range(many)]


def test_half_a_character_is_not_sent_back_as_another() -> None:
    """What is read to go back as it came is refused rather than changed."""
    with pytest.raises(ValueError, match=r"."):
        decode_exact(rb'{"note":"cut \ud83d"}')
    assert decode_exact(rb'{"note":"nul\u0000"}') == {"note": "nul\0"}
