"""What dbt makes of the models and of pushes in every mode passes sqlfluff, in the dialect of either engine: many teams lint that."""

from typing import Any

import pytest

from connector.warehouse import models

# Jinja decides about blanks, line breaks and quotes; "offset 0" keeps PostgreSQL from evaluating an expression again and again;
# the rest is what .sqlfluff leaves out as well.
LEFT_OUT = [
    *("layout", "references.quoting", "AM09"),
    *("structure.column_order", "references.keywords"),
]
PUSHES = {
    "updating": "mode = 'update', first_push = 'fill_empty', equal = {'phone_number': 'digits'}",
    "clearing": "nulls = 'clear', on_conflict = 'stop', first_push = 'baseline'",
    "adding": "mode = 'insert', options = {'list_id': 333}",
    "both": "mode = 'upsert', options = {'list_id': 333}",
}


@pytest.mark.long
@pytest.mark.timeout(600)
def test_compiled_models_pass_sqlfluff(lab: Any, own: Any) -> None:
    """Nothing that its parser can't read, and no rule broken but those of layout."""
    from sqlfluff.core import FluffConfig, Linter

    lab.land([{"id": "1", "status": "NEW", "phone_number": "1"}], "2 10:00")
    lab.land(
        [{"id": "2", "removal": "deleted", "removed_at": None}], "3 00:00", "UTC", "convoso_raw.lead_removals"
    )
    lab.record({"push": "updating", "lead_id": "1", "field": "status", "recorded_at": "2 10:02"})
    types = ("integer", "number", "boolean", "date", "timestamp")
    project = (own.folder / "dbt_project.yml").read_text()
    declared = ", ".join(f"a_{each}: {each}" for each in types)
    own.write("dbt_project.yml", f"{project}vars:\n  leadloop_types: {{{declared}, not_shown: date}}\n")
    lab.land([{"id": "3", **{f"a_{each}": "1" for each in types}}], "2 10:00")
    own.desired("people", "lead_id, phone", "'1', '2'")
    common = "desired = ref('people'), crm = 'convoso', key = 'lead_id'"
    for name, options in PUSHES.items():
        own.push(name, f"{common}, {options}, fields = {{'phone_number': 'phone'}}")
    own.push("deleting", f"{common}, mode = 'delete'")
    for _ in range(2):  # as a whole, and as an increment
        lab.build(own.folder)
        place = models.STATE / lab.warehouse.kind / "mine" / "compiled"
        compiled = [path for path in place.glob("*/models/**/*.sql") if not path.parent.name.endswith(".yml")]
        assert {"leads", "lead_history", "deleting", *PUSHES} <= {path.stem for path in compiled}
        dialect = lab.warehouse.kind
        linter = Linter(FluffConfig(overrides={"dialect": dialect, "exclude_rules": ",".join(LEFT_OUT)}))
        said = [
            f"{path.stem}: {found.rule_code()} {found.line_no} {found.desc()}"
            for path in compiled
            if path.stem in {"deleting", *PUSHES} or "leadloop" in path.relative_to(place).parts[:1]
            for found in linter.lint_string(path.read_text("utf-8")).get_violations()
        ]
        assert said == [], "\n".join(said)
