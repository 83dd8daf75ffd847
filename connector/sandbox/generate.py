"""A believable book of leads out of a seed: the same seed, size and moment give the same leads, byte for byte."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from connector.sandbox import tables

FIRST_ID = 100_001
DAY = 86_400
SPREAD = 90 * DAY
"""Over how many seconds before the book's first moment the leads were created."""
QUIET = 3_600
"""Nothing in a new book is younger than so many seconds."""
IMPORT_SHARE = 0.05
"""The share of leads that were last touched by an import, which writes about 20 of them within one second."""

Row = tuple[str | None, ...]
Times = tuple[int, int, int | None]
"""Created, last edited by a person, last called: seconds since 1970."""


def generate(count: int, seed: int, now: int, columns: Sequence[str]) -> tuple[list[Row], list[Times]]:
    """``count`` leads as rows in the order of ``columns``, and their times; about 70,000 of them a second."""
    rng = random.Random(seed)
    times = _times(rng, count, now)
    made = _columns(rng, count)
    blank: list[str | None] = [None] * count
    rows = list(zip(*(made.get(name, blank) for name in columns), strict=True)) if count else []
    return rows, times


def _times(rng: random.Random, count: int, now: int) -> list[Times]:
    latest = now - QUIET
    imports = [latest - int(rng.random() * SPREAD) for _ in range(count // 400 + 1)]
    rolls, ages, waits = (_rolls(rng, count) for _ in range(3))
    found: list[Times] = []
    for roll, age, wait in zip(rolls, ages, waits, strict=True):
        created = latest - int(age * SPREAD)
        if roll < IMPORT_SHARE:
            edited = imports[int(wait * len(imports))]
            created = min(created, edited)
        elif roll < 0.3:
            edited = created
        else:
            # Most leads are edited soon after they come in; cubing pulls the wait towards zero.
            edited = created + int(wait**3 * (latest - created))
        called = edited + int(roll * (latest - edited)) if roll > 0.6 else None
        found.append((created, edited, called))
    # Ids are given in the order in which leads come in, so the first lead is the oldest.
    found.sort(key=lambda times: times[0])
    return found


def _columns(rng: random.Random, count: int) -> dict[str, Any]:
    pick = _picker(rng, count)
    people = pick(tables.PEOPLE)
    places = pick(tables.PLACES)
    carriers = pick(tables.CARRIERS)
    addresses = list(zip(pick(tables.STREETS), pick(tables.UNITS), strict=True))
    incomes = [None, None, "", *(f"{amount}.00" for amount in range(1_500, 30_000, 250))]
    births = [
        None,
        "",
        *(
            f"{year}-{month:02}-{day:02}"
            for year in range(1941, 2006)
            for month, day in ((2, 28), (7, 9), (12, 31))
        ),
    ]
    return {
        "created_by": pick(tables.USERS),
        "last_modified_by": pick(tables.USERS),
        "owner_id": pick((*tables.USERS, "")),
        "user_id": pick((*tables.USERS, None)),
        "source_id": pick(tables.SOURCES),
        "list_id": pick(tables.LISTS),
        "status": rng.choices(tables.STATUSES, tables.STATUS_WEIGHTS, k=count),
        "phone_code": pick(("1",)),
        "phone_number": phones(rng, count),
        "alt_phone_1": [
            phone if roll < 0.3 else ""
            for phone, roll in zip(phones(rng, count), _rolls(rng, count), strict=True)
        ],
        "alt_phone_2": pick((None, "")),
        "first_name": [person[0] for person in people],
        "last_name": [person[1] for person in people],
        "email": _emails(rng, [person[2] for person in people]),
        "address1": [address[0] for address in addresses],
        "address2": [address[1] for address in addresses],
        "city": [place[0] for place in places],
        "state": [place[1] for place in places],
        "province": [place[2] or None for place in places],
        "postal_code": [place[3] for place in places],
        "country": [place[4] for place in places],
        "gender": pick(tables.GENDERS),
        "date_of_birth": pick(births),
        "carrier_name": [carrier[0] for carrier in carriers],
        "carrier_type": [carrier[1] for carrier in carriers],
        "std_company_name": pick((*tables.COMPANIES, *("",) * 9, None)),
        "std_consumer_number": pick((None, "", *(f"C-{number:06}" for number in range(400)))),
        "std_account_number": pick((None,)),
        "notes": rng.choices(tables.NOTES, (60, *(6,) * (len(tables.NOTES) - 3), 2, 1), k=count),
        # The score is the warehouse's to give: no lead has one yet.
        "lead_score": pick((None, "")),
        "plan_interest": pick((*tables.PLANS, None)),
        "monthly_revenue": pick(incomes),
        "field_12": pick((None, "", "yes", "no", "ask again")),
    }


def phones(rng: random.Random, count: int) -> list[str]:
    """Numbers nobody has: 555-0100 to 555-0199 in about 770 area codes. No two are equal up to about 77,000."""
    areas = [area for area in range(201, 999) if area % 100 != 11 and area // 10 % 10 != 9]
    places = len(areas) * 100
    start, step = (
        rng.randrange(places),
        7_919,
    )  # a prime that divides no such number, so every place comes up once
    return [
        f"{areas[place // 100]}55501{place % 100:02}"
        for place in ((start + i * step) % places for i in range(count))
    ]


def _emails(rng: random.Random, handles: list[str]) -> list[str | None]:
    domains = _picker(rng, len(handles))((*tables.DOMAINS, None))
    return [
        f"{handle}{number}@{domain}" if domain else ("" if number % 2 else None)
        for number, (handle, domain) in enumerate(zip(handles, domains, strict=True))
    ]


def _rolls(rng: random.Random, count: int) -> list[float]:
    roll = rng.random
    return [roll() for _ in range(count)]


def _picker(rng: random.Random, count: int) -> Callable[[Sequence[Any]], list[Any]]:
    return lambda pool: rng.choices(pool, k=count)
