"""Which column a CRM's field is kept in: a name that any warehouse takes, and no two fields of an account share.

A name in plain letters has a plain column, however it is written: ``Lead Score``, ``leadScore`` and ``lead_score`` are
``lead_score``. Whatever else is in a name gets lost on the way, so that such a column ends in a suffix made from the whole
name: ``Cost ($)`` and ``Cost (€)`` are two columns. Should one account really have two fields that differ only in how
they are written, the one that came first keeps the plain column, and the other one's has a suffix of the account's CRM and
the name: both sides know it from there, the extraction from the raw table and a push from ``leads``.
"""

import hashlib
import re
import threading
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from connector.errors import UnexpectedAnswerError

LONGEST = 63
"""Bytes of a column's name on PostgreSQL, which cuts what is longer."""
SYSTEM = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
"""Columns that every table of PostgreSQL has, so that none of ours can have such a name."""
NEEDED = frozenset(
    {
        *("id", "lead_id", "created_at", "created_on", "deleted_at", "archived_at"),
        *("recording_id", "start_time", "end_time", "seconds", "url"),
    }
)
"""Columns that the models look for in a raw table, besides a lead's id and time of modification."""

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHER = re.compile(r"[^A-Za-z0-9]+")
_PLAIN = re.compile(r"[A-Za-z0-9 ._-]+")
_SUFFIXED = re.compile(r"_x[0-9a-f]{8}$")
_SUFFIX = 10
"""Characters of a suffix, with its underscore."""


@lru_cache(maxsize=65536)
def column_name(field: str) -> str:
    """The column a CRM's field is kept in: ``mx_City`` -> ``mx_city``, ``Lead Score`` -> ``lead_score``.

    ``macros/leads/column_of.sql`` follows the same rule, and a test compares the two.
    """
    name = _plain(field)
    if (
        not name
        or len(name) > LONGEST
        or name in SYSTEM
        or not _PLAIN.fullmatch(field)
        # A field whose plain name looks like one with a suffix could pose as another field.
        or _SUFFIXED.search(name)
    ):
        return _suffixed(name, field)
    return name


def own_column(vendor: str, field: str) -> str:
    """The column of a field whose plain column another field of the same account has.

    The CRM's name is in it, because ``leads`` has the columns of all CRMs.
    """
    return _suffixed(_plain(field), f"{vendor}.{field}")


def aside(name: str, own: Collection[str]) -> str:
    """The column's name with ``crm_`` before it where it would be one of ours, or where it is such a name already."""
    bare = name
    while bare.startswith("crm_") and bare not in own:
        bare = bare.removeprefix("crm_")
    return f"crm_{name}" if bare in own else name


class Names:
    """The columns of one CRM's fields in one table, as they were given out so far. Safe to use from several threads."""

    def __init__(
        self,
        vendor: str,
        *,
        reserved: Iterable[str] = (),
        own: Collection[str] = (),
        there: Collection[str] = (),
        homes: Mapping[str, str] | None = None,
        gives: bool = True,
        most: int | None = None,
    ) -> None:
        """``reserved``: fields that go before all others of their spelling. ``own``: columns that are none of the CRM's.

        ``there``: the columns that the table has. ``homes``: plain column -> the field it belongs to, as ``homes`` gave
        it in an earlier run. Without ``gives`` no column is given to a second field of one spelling: where the table has
        none for it, ``UnexpectedAnswerError``. ``most``: how many columns the table may have; a field that comes when
        there are so many stands among ``more``. A column that is there stays one.
        """
        self._vendor = vendor
        self._own = own
        self._there = frozenset(there)
        self._gives = gives
        self._reserved = {field: column_name(field) for field in reserved}
        self._homes = dict(homes or {})
        self._most = most
        self._taken = set(self._there - frozenset(own))
        self._more: set[str] = set()
        self._columns: dict[str, str] = {}
        self._spilled: list[tuple[str, str]] = []
        self._moved: list[tuple[str, str, str]] = []
        self._lock = threading.Lock()

    def columns(self, fields: Iterable[str]) -> dict[str, str]:
        """Field -> column, in the order given.

        Of new fields of one spelling a reserved one goes first, then one that is written as its column.
        """
        fields = list(fields)
        with self._lock:
            new = [field for field in fields if field not in self._columns]
            given = {field: self._given(field) for field in sorted(new, key=self._turn)}
            for field in new:
                self._place(field, *given[field])
            return {field: self._columns[field] for field in fields}

    def homes(self) -> dict[str, str]:
        """Plain column -> the field it belongs to, for another ``Names`` of the same table."""
        with self._lock:
            return dict(self._homes)

    def moved(self) -> list[tuple[str, str, str]]:
        """Fields that got a column of their own for the first time: field, the field it resembles, column. Tells each once."""
        with self._lock:
            moved, self._moved = self._moved, []
            return moved

    @property
    def more(self) -> frozenset[str]:
        """Those columns given out that the table has no room for."""
        with self._lock:
            return frozenset(self._more)

    def spilled(self) -> list[tuple[str, str]]:
        """Fields that came to stand among ``more`` for the first time: field, column. Tells each once."""
        with self._lock:
            spilled, self._spilled = self._spilled, []
            return spilled

    def _turn(self, field: str) -> tuple[bool, bool, str]:
        return field not in self._reserved, field != column_name(field), field

    def _place(self, field: str, column: str, is_own: bool, is_new: bool) -> None:
        """Gives the column a place in the table, or among ``more``."""
        column = self._columns[field] = aside(column, self._own)
        # Where a push looks for a field's own column there is no second place for it to be in.
        keeps = is_own or column in NEEDED or column in self._taken or column in self._reserved.values()
        if keeps or self._most is None or len(self._taken) < self._most:
            self._taken.add(column)
            return
        self._more.add(column)
        if is_new:
            self._spilled.append((field, column))

    def _given(self, field: str) -> tuple[str, bool, bool]:
        """The column, whether it is the field's own for lack of the plain one, and whether the field is a new one."""
        plain, own = column_name(field), own_column(self._vendor, field)
        if own in self._there and self._homes.get(plain) != field:
            return own, True, False
        is_new = plain not in self._homes
        home = self._homes.setdefault(plain, field)
        if home == field:
            return plain, False, is_new
        if not self._gives:
            raise UnexpectedAnswerError(
                f"shows the fields {home!r} and {field!r}, which differ only in how they are written, and the warehouse does "
                "not know them apart yet",
                "`leadloop extract` gives each a column of its own.",
                crm=self._vendor,
                fields=(home, field),
            )
        self._moved.append((field, home, own))
        return own, True, True


def _plain(field: str) -> str:
    name = _OTHER.sub("_", _WORDS.sub("_", field)).strip("_").lower()
    return f"_{name}" if name[:1].isdigit() else name


def has_suffix(column: str) -> bool:
    """Whether a column's name ends as those do that are made from a field's whole name."""
    return _SUFFIXED.search(column) is not None


def _suffixed(name: str, meant: str) -> str:
    suffix = hashlib.md5(meant.encode(), usedforsecurity=False).hexdigest()[: _SUFFIX - 2]
    return f"{(name or 'x')[: LONGEST - _SUFFIX].rstrip('_')}_x{suffix}"
