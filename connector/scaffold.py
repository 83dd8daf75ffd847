"""The project folder that ``leadloop init`` writes: settings, a private secrets file, a dbt project."""

import os
from dataclasses import dataclass
from pathlib import Path

from connector.errors import ConfigError

CONFIG = """\
# leadloop's settings. You can also set each one in the environment: crm.convoso.rate is CRM__CONVOSO__RATE.
# Put secrets into secrets.toml beside this file, or into the environment.

[crm.convoso]
# The time zone of the account. Convoso shows every time in it. `leadloop check` tells you whether it looks right.
timezone = "America/Los_Angeles"
# base_url = "https://api.convoso.com/v1"
# rate = 10          # most calls per second, all threads together
# concurrency = 4    # most calls at the same time
# timeout = 30       # seconds
# settle = 60        # seconds before now at which a run stops; the next run reads younger edits
# lookback = 600     # seconds before the cursor that each run reads again
# cursor = "updated_at"   # or "changed_at"
# start = 2000-01-01      # the first run reads from this day on
# recordings = true       # read recorded calls, too; this takes one API call for each lead that was called
# leave_out = ["notes"]   # fields that never reach the warehouse

# [crm.convoso.filters]
# list_id = "333"

# To use another CRM, set its secrets; docs/leadsquared.md, docs/pollybot.md and docs/leadping.md tell you which.
# [crm.leadsquared]
# base_url = "https://api-us11.leadsquared.com"    # the host of your account's region
# [crm.pollybot]
# leads_path = "/api/v1/leads"
# [crm.leadping]
# rate = 5

[warehouse]
destination = "duckdb"    # or "postgres"

[destination.duckdb]
credentials = "leads.duckdb"

[runtime]
dlthub_telemetry = false
"""

SECRETS = """\
# Only you can read this file. Git ignores it.

[crm.convoso]
auth_token = ""

# [crm.leadsquared]
# access_key = ""
# secret_key = ""
# [crm.pollybot]
# api_key = ""
# [crm.leadping]
# api_key = ""

# [destination.postgres]
# credentials = "postgresql://user:password@localhost:5432/warehouse"
"""

GITIGNORE = """\
.dlt/secrets.toml
.leadloop/
*.duckdb
*.duckdb.*
plan*.html
plan*.json
dbt_models/target/
dbt_models/logs/
dbt_models/dbt_packages/
dbt_models/package-lock.yml
"""

DBT_PROJECT = """\
name: {name}
version: "1.0.0"
config-version: 2
profile: leadloop
model-paths: [models]
flags:
  send_anonymous_usage_stats: false
models:
  leadloop:
    # leadloop comes with example pushes. They are off; your own push is in models/pushes.
    examples:
      +enabled: false
    pushes:
      +enabled: false
"""

PACKAGES = """\
packages:
  - local: "{{ env_var('LEADLOOP_DBT_PACKAGE') }}"  # leadloop sets this to the dbt package that comes with it
"""

SCORES = """\
-- One row for each lead, with the values that the CRM should show. Replace this with your own model.
select
    lead_id,
    'hot' as tier
from {{ ref('leadloop', 'leads') }}
where
    crm = 'convoso'
    and removed_at is null
    and email is not null
order by lead_id
limit 10
"""

PUSH = """\
-- What should change in the CRM. `leadloop plan tiers_to_convoso` shows it, `leadloop push tiers_to_convoso` sends it.
-- fields: a field of the CRM, and the column of tiers that goes into it. max_changes: the most leads that one push may
-- change; it is small for a start, so raise it when the plan looks right.
{{ leadloop.push(
    desired = ref('tiers'),
    crm = 'convoso',
    key = 'lead_id',
    fields = {'title': 'tier'},
    on_conflict = 'crm_wins',
    nulls = 'keep',
    max_changes = 10,
    max_share = 0.2
) }}
"""

PUSH_YML = """\
version: 2
models:
  - name: tiers_to_convoso
    description: One row for each lead and field in which Convoso differs from tiers.
    columns:
      - name: lead_id
        data_tests: [not_null]
"""

README = """\
# {name}

1. Put the token into `.dlt/secrets.toml` and the time zone into `.dlt/config.toml`; `leadloop check` tells what is
   missing or wrong.
2. `leadloop extract` reads the leads, `leadloop build` makes the tables in `leads.duckdb`.
3. Edit `dbt_models/models/tiers.sql` and `dbt_models/models/pushes/tiers_to_convoso.sql`, then `leadloop build` again.
4. `leadloop plan tiers_to_convoso` shows what would be sent; `leadloop push tiers_to_convoso` asks, then sends it.
5. From cron: `leadloop run --yes`, started in this folder. The first time that a push would replace values that stand in
   a field it stops until a person has agreed: in step 4, or once with `leadloop run --first`.

To try all of it without an account: `leadloop sandbox` in a second terminal, and in this one the three `export` lines
that it prints.
"""


@dataclass(frozen=True, slots=True)
class Scaffold:
    """What was written, relative to ``folder``, and what was there before and left alone."""

    folder: Path
    written: tuple[str, ...]
    kept: tuple[str, ...]


def write(folder: Path) -> Scaffold:
    """Writes a project into ``folder``; a file that is there already is never touched."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; leadloop init needs a folder.")
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in folder.resolve().name.lower()).strip(
        "_"
    )
    name = name if name and not name[0].isdigit() and name != "leadloop" else f"my_{name or 'project'}"
    files = {
        ".dlt/config.toml": CONFIG,
        ".dlt/secrets.toml": SECRETS,
        ".gitignore": GITIGNORE,
        "README.md": README.format(name=name),
        "dbt_models/dbt_project.yml": DBT_PROJECT.format(name=name),
        "dbt_models/packages.yml": PACKAGES,
        "dbt_models/models/tiers.sql": SCORES,
        "dbt_models/models/pushes/tiers_to_convoso.sql": PUSH,
        "dbt_models/models/pushes/tiers_to_convoso.yml": PUSH_YML,
    }
    written, kept = [], []
    for path, text in files.items():
        target = folder / path
        if target.exists():
            kept.append(path)
            continue
        try:
            target.parent.mkdir(
                parents=True, exist_ok=True, mode=0o700 if path.startswith(".dlt/") else 0o777
            )
            _write_private(target, text) if "secrets" in path else target.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{target} can't be written: {error.strerror}.") from None
        written.append(path)
    return Scaffold(folder, tuple(written), tuple(kept))


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
