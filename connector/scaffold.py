"""The project folder that ``leadloop init`` writes: settings, a private secrets file, a dbt project."""

import json
import os
import re
import textwrap
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from datetime import date
from pathlib import Path
from string import Template
from typing import Any

from connector import crm
from connector.config import VENDOR, VendorSettings, check_account_name, default, is_required, meaning
from connector.errors import ConfigError
from connector.texts import listed
from connector.warehouse import dbt, models
from connector.warehouse.engines import ENGINES

_LINK = re.compile(r"\[([^]]+)\]\([^)]+\)")
"""A link of the documentation, in whose place its text is told."""

CRM = """\
# leadloop's settings. You can also set each one in the environment: crm.$crm.rate is CRM__${CRM}__RATE.
# Put secrets into secrets.toml beside this file, or into the environment. A setting behind # has this value anyway.

[crm.$crm]
$settings
# Another CRM gets a section of its own: $others. docs/settings.md lists the settings of each.
"""

WAREHOUSE = """\
[warehouse]
destination = "$engine"    # or $engines

$address
[runtime]
dlthub_telemetry = false
"""

SECRETS = """\
# Only you can read this file. Git ignores it.

[crm.$crm]
$secrets
# [destination.postgres]
# credentials = "postgresql://user:password@localhost:5432/warehouse"
"""

GITIGNORE = """\
.dlt/secrets.toml
.leadloop/
*.duckdb
*.duckdb.*
*.ducklake
*.ducklake.wal
*.files/
*.delta/
plan*.html
plan*.json
undo*.html
undo*.json
dbt_models/target/
dbt_models/logs/
dbt_models/dbt_packages/
dbt_models/package-lock.yml
"""

DBT_PROJECT = """\
name: $name
version: "1.0.0"
config-version: 2
profile: leadloop
model-paths: [models]
models:
  $name:
    +persist_docs:  # a SQL client shows what is described in the .yml files; a lake keeps no comments on the columns of views
      relation: true
      columns: "{{ env_var('LEADLOOP_DBT_TARGET', 'duckdb') != 'ducklake' }}"
flags:
  send_anonymous_usage_stats: false
vars:
  leadloop_read: [$kind]  # the CRMs whose raw tables are sources; without it all that leadloop knows
  # leadloop_types: {$kind: {some_score: integer}}  # columns of leads that are numbers, booleans, dates or timestamps
"""

PACKAGES = """\
packages:
$package"""

PACKAGE = """\
  - local: .leadloop/package  # leadloop has it lead to the dbt package that comes with it
"""

SCORES = """\
-- One row for each lead, with the values that the CRM should show. Replace this with your own model.
select
    lead_id,
    'hot' as tier
from {{ ref('leadloop', 'leads') }}
where
    crm = '$crm'
    and removed_at is null
order by lead_id
limit 10
"""

PUSH = """\
-- What should change in the CRM. `leadloop plan ${tiers}_to_$crm` shows it, `leadloop push ${tiers}_to_$crm` sends it.
-- fields: a field of the CRM, and the column of $tiers that goes into it. max_changes: the most leads that one push may
-- change; it is small for a start, so raise it when the plan looks right.
{{ leadloop.push(
    desired = ref('$tiers'),
    crm = '$crm',
    key = 'lead_id',
    fields = {'$field': 'tier'},
    on_conflict = 'crm_wins',
    nulls = 'keep',
    max_changes = 10,
    max_share = 0.2
) }}
"""

PUSH_YML = """\
version: 2
models:
  - name: ${tiers}_to_$crm
    description: One row for each lead and field in which $crm differs from $tiers.
    columns:
      - {name: crm, description: "{{ doc('leadloop', 'crm') }}"}
      - name: lead_id
        description: "{{ doc('leadloop', 'lead_id') }}"
        data_tests: [not_null]
      - {name: field, description: "{{ doc('leadloop', 'field') }}"}
      - {name: column_name, description: "{{ doc('leadloop', 'column_name') }}"}
      - {name: current_value, description: "{{ doc('leadloop', 'current_value') }}"}
      - {name: desired_value, description: "{{ doc('leadloop', 'desired_value') }}"}
      - {name: base_value, description: "{{ doc('leadloop', 'base_value') }}"}
      - {name: verdict, description: "{{ doc('leadloop', 'verdict') }}"}

exposures:
  - name: ${tiers}_in_$crm
    type: application
    owner:
      name: data team
    description: The field $field of $crm, which `leadloop push ${tiers}_to_$crm` changes.
    depends_on:
      - ref('${tiers}_to_$crm')
"""

REF = """\
{# Has views name relations without the database: DuckDB names that after its file, and a view that holds the name can't be read in
   a copy of the file under another name. #}
{% macro ref() %}{{ return(leadloop.without_database(builtins.ref(*varargs, **kwargs))) }}{% endmacro %}
{% macro source() %}{{ return(leadloop.without_database(builtins.source(*varargs))) }}{% endmacro %}
"""

MODELS = {
    "$tiers.sql": SCORES,
    "pushes/${tiers}_to_$crm.sql": PUSH,
    "pushes/${tiers}_to_$crm.yml": PUSH_YML,
}
"""Path below the folder of models -> text: a model of one's own, and the push that sends it."""

README = """\
# $name

1. Put $required; `leadloop check` tells what is missing or wrong.
2. `leadloop extract` reads the leads, `leadloop build` makes the tables in `leads.duckdb`.
3. Edit `dbt_models/models/tiers.sql` and `dbt_models/models/pushes/tiers_to_$crm.sql`, then `leadloop build` again.
4. `leadloop plan tiers_to_$crm` shows what would be sent; `leadloop push tiers_to_$crm` asks, then sends it.
5. From cron: `leadloop run`, started in this folder. The first time that a push would replace values in a field, it stops
   until a person has agreed: in step 4, or once with `leadloop run --first`.

To try all of it without an account: `leadloop sandbox` in a second terminal, and in this one the `export` lines
that it prints for your CRM.
"""


@dataclass(frozen=True, slots=True)
class Scaffold:
    """What was written, relative to ``folder``, and what was there before and left alone."""

    folder: Path
    written: tuple[str, ...]
    kept: tuple[str, ...]
    changed: tuple[str, ...] = ()
    """Files that were there and to which lines were added."""
    remark: str = ""
    """What a person has to know besides."""


def project_name(folder: Path) -> str:
    """What dbt calls the project: the folder's name, as far as dbt can take it."""
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in folder.resolve().name.lower()).strip(
        "_"
    )
    return name if name and not name[0].isdigit() and name != "leadloop" else f"my_{name or 'project'}"


def words(name: str, vendor: crm.Vendor) -> dict[str, str]:
    """What stands for the variables in the texts above, for a CRM or an account of it."""
    settings, secrets, required = _declared(vendor.settings_class)
    if vendor.account_of:
        settings = f'{VENDOR} = "{vendor.kind}"\n\n{settings}'
    return {
        "name": name,
        "tiers": "tiers",
        "engines": ", ".join(f'"{each}"' for each in list(ENGINES)[1:]),
        "package": PACKAGE,
        "kind": vendor.kind,
        "crm": vendor.name,
        "CRM": vendor.name.upper(),
        "field": vendor.capabilities.example_field,
        "others": ", ".join(f"[crm.{each}]" for each in crm.vendors() if each != vendor.kind),
        "settings": settings,
        "secrets": secrets,
        "required": required,
    }


def files(name: str, vendor: crm.Vendor) -> dict[str, str]:
    """Path -> text of each file of a new project with this name, for a CRM or an account of it."""
    engine = next(iter(ENGINES.values()))
    given = {**words(name, vendor), "engine": engine.name, "address": engine.as_toml(None)[0]}
    texts = {
        ".dlt/config.toml": f"{CRM}\n{WAREHOUSE}",
        ".dlt/secrets.toml": SECRETS,
        ".gitignore": GITIGNORE,
        "README.md": README,
        "dbt_models/dbt_project.yml": DBT_PROJECT,
        "dbt_models/macros/ref.sql": REF,
        "dbt_models/packages.yml": PACKAGES,
        "dbt_models/profiles.yml": _profiles(),
        **{f"dbt_models/models/{path}": text for path, text in MODELS.items()},
    }
    return {
        Template(path).substitute(given): Template(text).substitute(given) for path, text in texts.items()
    }


def _profiles() -> str:
    """That of the dbt project that comes with leadloop; whoever calls dbt by hand does so in the project's folder."""
    text = (models.packaged_project() / "profiles.yml").read_text(encoding="utf-8")
    return text.replace("'leads.duckdb'", "'../leads.duckdb'").replace("$", "$$")


def _declared(declared: type[VendorSettings]) -> tuple[str, str, str]:
    """The lines of config.toml, those of secrets.toml, and a sentence that says what to put into which."""
    specs = sorted(fields(declared), key=lambda spec: (not is_required(spec), spec.name != "base_url"))
    by_file = {
        file: [spec for spec in specs if spec.metadata["secret"] is secret]
        for file, secret in (("secrets", True), ("config", False))
    }
    required = [
        f"{listed(names)} into `.dlt/{file}.toml`"
        for file, own in by_file.items()
        if (names := [f"`{spec.name}`" for spec in own if is_required(spec)])
    ]
    secrets, config = ("\n".join(_lines(declared, spec) for spec in own) for own in by_file.values())
    return config, secrets, listed(required)


def _lines(declared: type[VendorSettings], spec: "Field[Any]") -> str:
    """What a setting means, as a comment, and its line."""
    told = _LINK.sub(r"\1", meaning(declared, spec))
    comment = textwrap.indent(
        "\n".join(textwrap.wrap(told, 110, break_on_hyphens=False, break_long_words=False)), "# "
    )
    if is_required(spec):
        return f'{comment}\n{spec.name} = ""\n'
    return f"{comment}\n# {spec.name} = {_toml(default(spec))}\n"


def _toml(value: object) -> str:
    if value is None:
        return '""'
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "{}"
    return json.dumps(value)


def vendor_of(crm_name: str, account: str | None) -> crm.Vendor:
    """The CRM under the name that its account is to have; ``ConfigError`` for a name that none can have."""
    vendor = crm.vendor(crm_name).called(account or crm_name)
    if vendor.account_of:
        check_account_name(vendor.name, crm.vendors())
    return vendor


def write(folder: Path, crm_name: str = crm.DEFAULT, account: str | None = None) -> Scaffold:
    """Writes a project for an account of a CRM into ``folder``; a file that is there already is never touched.

    ``account``: its name, where it is to have one of its own.
    """
    vendor = vendor_of(crm_name, account)
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; leadloop init needs a folder.")
    if (folder / "dbt_project.yml").is_file():
        raise ConfigError(
            f"{folder.absolute()} is a dbt project already. Nothing was written.",
            f"To add leadloop to it: leadloop init --into {folder}",
        )
    written, kept = [], []
    for path, text in files(project_name(folder), vendor).items():
        if (folder / path).exists():
            kept.append(path)
            continue
        write_file(folder / path, text)
        written.append(path)
    dbt.link_package(folder / "dbt_models", models.packaged_project())
    return Scaffold(folder, tuple(written), tuple(kept))


def write_file(path: Path, text: str) -> None:
    """A new file, in folders that are made for it; one with secrets is its owner's alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if path.parent.name == ".dlt" else 0o777)
        _write_private(path, text) if "secrets" in path.name else path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} can't be written: {error.strerror}.") from None


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
