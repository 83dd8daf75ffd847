"""Two implementations of one rule: a field's column in Python, which lands it, and in SQL, which compares it."""

import re
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.extract.columns import column_name
from connector.warehouse.models import packaged_project


class _Returned(Exception):  # noqa: N818 - it carries a value, as dbt's own does
    pass


def _return(value: Any) -> None:
    raise _Returned(value)


@pytest.fixture(scope="module")
def column_of() -> Any:
    """The macro, in as much of dbt's Jinja as it needs."""
    source = (packaged_project() / "macros" / "column_of.sql").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=False)
    environment.globals.update({"modules": SimpleNamespace(re=re), "return": _return})
    macro = environment.from_string(source).module.column_of  # type: ignore[attr-defined]

    def call(field: str) -> str:
        with pytest.raises(_Returned) as returned:
            macro(field)
        return str(returned.value.args[0])

    return call


@given(field=st.text(max_size=30) | st.text(alphabet="aZB9_ .-é", max_size=12))
@example(field="LeadScore")
@example(field="mx_City")
@example(field="HTTPStatusCode")
@example(field="metadata.isHot")
@example(field="2ndPhone")
@example(field="--")
def test_a_push_looks_where_the_extraction_put_it(column_of: Any, field: str) -> None:
    """For every name, the macro column_of and the extraction's column_name give the same column."""
    assert column_of(field) == column_name(field)
