"""A fault that is added by its kind alone takes that kind's usual value."""

from typing import Any

import pytest

from connector.sandbox import KINDS, Faults


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_kind_alone_is_enough(kind: Any) -> None:
    """No kind needs a value, whichever Python runs it."""
    assert Faults(1).add(kind).kind == kind
