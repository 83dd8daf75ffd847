"""Writes what the documentation says about commands, settings, tables and documents from what the code declares, and what the dbt
models know of the CRMs.

``make docs`` writes the files; ``make check`` runs this with ``--check``, which writes nothing and ends with 1 where a
file is not what it would be. A page is generated whole (``docs/cli.md``, ``docs/schema.md``, ``docs/schemas/*.json``), or only between ``<!-- generated: NAME -->``
and ``<!-- end -->`` (``docs/settings.md``, ``docs/json.md``), with what people write around it.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, Field, fields
from datetime import date
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
PLAN = DOCS / "plan.json"
MADE = "<!-- generated: made by `make docs`; edits here are lost -->"
PART = re.compile(r"(<!-- generated: (?P<name>[^\n]+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def main(arguments: list[str]) -> int:
    """0: done, or nothing to do; 1: with ``--check``, a file is not what the code declares."""
    stale = {path: text for path, text in pages().items() if not path.exists() or read(path) != text}
    for path, text in stale.items():
        if "--check" in arguments:
            sys.stderr.write(f"{shown(path)} is not what the code declares: run `make docs`.\n")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"Wrote {shown(path)}.\n")
    return 1 if stale and "--check" in arguments else 0


def pages() -> dict[Path, str]:
    """Each generated page with the whole text that it should have."""
    return {
        DOCS / "cli.md": commands(),
        DOCS / "schema.md": schema(),
        DOCS / "settings.md": filled(read(DOCS / "settings.md"), settings_parts()),
        DOCS / "json.md": filled(read(DOCS / "json.md"), documents()),
        **{DOCS / "schemas" / f"{kind}.json": text for kind, text in schemas().items()},
        DOCS / "plan.svg": picture(),
        CRMS_MACRO: crms_macro(),
        CRMS_SOURCES: crms_sources(),
    }


def shown(path: Path) -> str:
    """The file as somebody in the repository's folder calls it."""
    return f"docs/{path.relative_to(DOCS)}" if path.is_relative_to(DOCS) else str(path.relative_to(ROOT))


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def filled(text: str, parts: dict[str, Callable[[], str]]) -> str:
    """The page with its generated parts made anew; ``ValueError`` where page and parts don't name the same."""
    names = [found["name"] for found in PART.finditer(text)]
    if sorted(names) != sorted(parts):
        raise ValueError(f"The page has the parts {names}, and the generator makes {list(parts)}.")
    return PART.sub(lambda found: f"{found[1]}\n{parts[found['name']]().strip()}\n\n{found[3]}", text)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table; a bar within a cell is escaped."""
    lines = [head, ("---",) * len(head), *rows]
    joined = [" | ".join(cell.replace("|", r"\|") for cell in line) for line in lines]
    joined[1] = "|".join(lines[1])
    return "".join(f"| {line} |\n" if n != 1 else f"|{line}|\n" for n, line in enumerate(joined))


# docs/settings.md


SETTINGS_HEAD = ("in a file", "in the environment", "default", "meaning")


def settings_parts() -> dict[str, Callable[[], str]]:
    vendors = {f"crm.{vendor}": partial(vendor_settings, vendor) for vendor in shipped()}
    return {**vendors, "warehouse and dbt": shared_settings, "alerts": watching_settings}


def vendor_settings(vendor: str) -> str:
    """The address and what has to be set first, the rest as declared."""
    from connector import config, crm

    cls = crm.vendor(vendor).settings_class
    ordered = sorted(fields(cls), key=lambda spec: spec.name != "base_url" and not config.is_required(spec))
    rows = [
        setting(f"crm.{vendor}.{spec.name}", default(spec), config.meaning(cls, spec)) for spec in ordered
    ]
    return table(SETTINGS_HEAD, rows)


def shared_settings() -> str:
    from connector.views.settings import SETTINGS as OF_THE_PAGE
    from connector.warehouse.settings import SETTINGS

    return table(SETTINGS_HEAD, [setting(name, *told) for name, told in {**SETTINGS, **OF_THE_PAGE}.items()])


def watching_settings() -> str:
    from connector.watching import SETTINGS

    return table(SETTINGS_HEAD, [setting(name, *told) for name, told in SETTINGS.items()])


def setting(name: str, default: str, meaning: str) -> tuple[str, ...]:
    from connector import config

    return f"`{name}`", f"`{config.env_name(name)}`", default, meaning


def default(spec: "Field[Any]") -> str:
    """As a person would write it into a file, or that there is none."""
    from connector import config

    secret = ", secret" if spec.metadata["secret"] else ""
    if config.is_required(spec):
        return f"required{secret}"
    if spec.default is MISSING or spec.default is None:
        return f"none{secret}"
    if isinstance(spec.default, bool):
        return f"`{str(spec.default).lower()}`"
    return f"`{spec.default.isoformat() if isinstance(spec.default, date) else spec.default}`"


# docs/json.md and docs/schemas


def documents() -> dict[str, Callable[[], str]]:
    """Kind -> what makes the table of its fields."""
    from connector.render.schemas import DOCUMENTS

    return {kind: partial(document_fields, kind) for kind in DOCUMENTS}


def document_fields(kind: str) -> str:
    from connector.render.schemas import table_rows

    rows = [(f"`{path}`", type_, meaning) for path, type_, meaning in table_rows(kind)]
    return table(("field", "type", "meaning"), rows)


def schemas() -> dict[str, str]:
    """Kind -> the JSON Schema of the document."""
    from connector.render.schemas import DOCUMENTS, json_schema

    def text(kind: str) -> str:
        return json.dumps(json_schema(kind), indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    return {kind: text(kind) for kind in DOCUMENTS}


# docs/plan.svg


def picture() -> str:
    """``docs/plan.json``, which `leadloop plan --json` saved, as `leadloop plan` shows it in a terminal."""
    from rich._export_format import CONSOLE_SVG_FORMAT
    from rich.console import Console

    from connector.render.plan import plan_text
    from connector.render.saved_plan import read_plan

    console = Console(
        file=StringIO(),
        record=True,
        width=84,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    console.print(plan_text(read_plan(PLAN), samples=3))
    # Without the fonts, which a reader's machine would fetch from elsewhere.
    bare = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    made = console.export_svg(
        title="leadloop plan lead_scores_to_convoso", code_format=bare, unique_id="plan"
    )
    return "\n".join(line.rstrip() for line in made.splitlines() if line.strip()) + "\n"


# docs/cli.md


def commands() -> str:
    """The page of the command ``leadloop``."""
    import typer.main

    from connector.cli import EXIT_CODES, app

    group: Any = typer.main.get_command(app)
    top = group.make_context("leadloop", ["status"], resilient_parsing=True)
    codes = "".join(f"- **{code}**: {meaning}\n" for code, meaning in EXIT_CODES.items())
    parts = [
        f"# The command `leadloop`\n\n{MADE}\n\n{group.help}",
        "Options that stand before the command:\n\n" + options(group, top),
        f"Exit codes:\n\n{codes}\nA command that is interrupted ends with 130.\n",
    ]
    return "\n\n".join(part.strip() for part in [*parts, *command_parts(group, top)]) + "\n"


def command_parts(group: Any, top: Any) -> Iterator[str]:
    from connector.cli import ENDS_WITH

    for name, command in group.commands.items():
        context = command.make_context(name, [], parent=top, resilient_parsing=True)
        arguments = [each for each in command.params if each.param_type_name == "argument"]
        yield f"## `leadloop {name}`\n\n{command.help}"
        usage = " ".join(argument_name(each) for each in arguments)
        yield f"```text\n{f'leadloop {name} {usage}'.strip()} [OPTIONS]\n```"
        if arguments:
            rows = [(f"`{argument_name(each)}`", option_default(each), each.help) for each in arguments]
            yield table(("argument", "default", "meaning"), rows)
        if told := options(command, context):
            yield told
        *others, last = map(str, ENDS_WITH[name])
        yield f"Exits with {', '.join(others)} or {last}."
        yield example(command.epilog or "")


def argument_name(argument: Any) -> str:
    name = (argument.metavar or argument.name).upper()
    return str(name if argument.required else f"[{name}]")


def options(command: Any, context: Any) -> str:
    """A table of a command's options, as its own help names them."""
    rows = []
    for each in command.get_params(context):
        if each.param_type_name == "option" and each.name != "help":
            name = each.get_help_record(context)[0].replace(" range>", ">")
            name = re.sub(r"<list\[(.+)\]>", r"<\1>", name)  # "repeatable" is in its meaning
            rows.append((f"`{name}`", option_default(each), f"{each.help}{bounds(each)}"))
    return table(("option", "default", "meaning"), rows) if rows else ""


def option_default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if parameter.default is None or parameter.default is False:
        return "none" if parameter.default is None else "off"
    return f"`{parameter.default}`"


def bounds(option: Any) -> str:
    low, high = getattr(option, "min", None), getattr(option, "max", None)
    if low is None:
        return ""
    return f" At least {low:,}." if high is None else f" {low:,} to {high:,}."


def example(epilog: str) -> str:
    """``Example, from cron: leadloop run --wait 300`` as a block with its sentence."""
    says, _, line = epilog.partition(": ")
    return f"{says}:\n\n```\n{line}\n```" if line else epilog


# What the dbt models know of the CRMs


CRMS_MACRO = ROOT / "dbt_models/macros/crms/crms_shipped.sql"
CRMS_SOURCES = ROOT / "dbt_models/models/staging/crms_shipped.yml"


def shipped() -> dict[str, Any]:
    """Name -> parts of each CRM that comes with leadloop."""
    from connector.crm import registry

    return {name: registry.vendor(name).parts for name in registry.FOLDERS}


def crms_macro() -> str:
    """The macro that tells every other one which CRMs there are."""
    told = ",\n".join(f"        '{name}': {parts.as_dbt()}" for name, parts in shipped().items())
    return (
        "{# Made by `make docs` from connector/crm/; edits here are lost. The CRMs that come with leadloop. #}\n"
        "{% macro crms_shipped() -%}\n    {{ return({\n" + told + "\n    }) }}\n{%- endmacro %}\n"
    )


def crms_sources() -> str:
    """Their raw tables as dbt sources, for lineage, ``dbt docs`` and ``dbt source freshness``."""
    import yaml

    sources = [crm_source(name, parts) for name, parts in shipped().items()]

    class WithoutAnchors(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    text: str = yaml.dump(
        {"version": 2, "sources": sources},
        Dumper=WithoutAnchors,
        sort_keys=False,
        width=118,
        allow_unicode=True,
    )
    return f"# Made by `make docs` from connector/crm/; edits here are lost.\n{text}"


def crm_source(name: str, parts: Any) -> dict[str, Any]:
    from connector import crm

    dbt, can = parts.for_dbt, parts.capabilities
    seen = {
        "leadloop_seen_at": "{{ doc('seen_at') }}",
        "leadloop_timezone": "The IANA zone in which the row's times without an offset are.",
        "leadloop_sequence_number": "{{ doc('reading_number') }}",
        "_dlt_load_id": "The load that brought the row; see _dlt_loads.",
    }
    in_zone = "in the account's zone where the text has no offset"
    tables = {
        "lead_versions": (
            (
                "One row per sighting of a lead: every field as the API said it, as text, under a snake_case name. A field that the "
                "account added itself appears as one more column. The table is not there before the first extraction."
            ),
            {
                **dict.fromkeys(dbt.ids, "The lead's id, as text."),
                dbt.created_at: f"When the lead was created; {in_zone}.",
                dbt.modified_at: f"When the lead was last modified; {in_zone}.",
            },
        ),
        "lead_removals": (
            (
                "One row per sighting of a lead that the CRM calls deleted or archived, or that it no longer finds by its id. Not there "
                "before one was seen."
            ),
            {
                "id": "The lead's id, as text.",
                "removal": "`deleted`, `archived` or `merged`.",
                "removed_at": f"When it was removed; {in_zone}; NULL where unknown.",
            },
        ),
    }
    if can.recordings:
        tables["recordings"] = (
            "One row per sighting of a recorded call, as text. Not there before one was seen.",
            {
                "recording_id": "The recording's id.",
                "lead_id": "The lead that was called.",
                "start_time": f"When the recording begins; {in_zone}.",
                "end_time": f"When it ends; {in_zone}.",
                "seconds": "How long it is.",
                "url": "Where it can be played or downloaded.",
            },
        )
    if can.calls:
        tables["calls"] = (
            "One row per sighting of a logged call: every column of the API, as text. Not there before one was seen.",
            {
                "id": "The call's id.",
                "lead_id": "The lead that was called.",
                "user_id": "The agent who made or took the call.",
                "status": "How it ended, as a code of the account.",
                "call_date": f"When it began; {in_zone}.",
                "call_length": "How long it was, in seconds.",
            },
        )
    told = [
        {
            "name": table,
            "description": says,
            **({"config": FRESHNESS} if table == "lead_versions" else {}),
            "columns": [
                {"name": column, "description": text} for column, text in {**columns, **seen}.items()
            ],
        }
        for table, (says, columns) in tables.items()
    ]
    used = f"{{{{ '{name}' in var('leadloop_read', {list(shipped())}) }}}}"
    return {
        "name": crm.raw_schema(name),
        "config": {"enabled": used},
        "description": f"What the API of {name} said, as dlt landed it. Append-only; the truth that everything else is made from.",
        "tables": [*told, LOADS],
    }


FRESHNESS = {
    "loaded_at_query": "{{ leadloop.last_seen(this) }}",
    "freshness": {
        "warn_after": {"count": 24, "period": "hour"},
        "error_after": {"count": 72, "period": "hour"},
    },
}
LOADS = {
    "name": "_dlt_loads",
    "description": "One row per load that dlt finished.",
    "columns": [
        {"name": "load_id", "description": "The load."},
        {"name": "status", "description": "0 for a load that is complete."},
        {"name": "inserted_at", "description": "When it was completed."},
    ],
}


# docs/schema.md


MODELS = ROOT / "dbt_models/models"
WRITTEN = DOCS / "warehouse.md"
FOLDERS = {
    "marts": "Made by `leadloop build`.",
    "intermediate": "What every push is compared with.",
    "pushes": "Examples of pushes: what would be sent now. A push of your own has the same columns.",
    "examples": "Examples of models that a push stands on.",
}


def schema() -> str:
    """The page of the tables and views that people query; staging models are not among them."""
    head = (
        f"# Tables and columns\n\n{MADE}\n\nWhat each table of the warehouse holds. [warehouse.md](warehouse.md) says how "
        "they belong together, [queries.md](queries.md) what to ask them."
    )
    parts = [head, *raw_tables()]
    for folder, says in FOLDERS.items():
        parts.append(f"## `analytics`: {folder}\n\n{says}")
        for model in sorted(declared(f"{folder}/*.yml", "models"), key=lambda each: str(each["name"])):
            parts.append(described(f"analytics.{model['name']}", model))
    parts.append(
        "## `analytics`: all pushes together\n\nMade at the end of each run of dbt; no models of dbt's."
    )
    for name in ("analytics.push_pending", "analytics.push_conflicts"):
        parts.append(described(name, by_hand(name)))
    return "\n\n".join(part.strip() for part in [*parts, *leadloop_tables()]) + "\n"


def raw_tables() -> Iterator[str]:
    for name, parts in shipped().items():
        source = crm_source(name, parts)
        yield f"## `{source['name']}`\n\n{one_line(source['description'])}"
        yield from (described(f"{source['name']}.{each['name']}", each) for each in source["tables"])


def leadloop_tables() -> Iterator[str]:
    """Columns and types from the tables' declarations, meanings from the dbt source, else from docs/warehouse.md."""
    import pkgutil
    from importlib import import_module

    from connector import push, warehouse

    for package in (push, warehouse):  # each table is declared beside the code that writes it
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    from connector.warehouse.ledger import METADATA, SCHEMA

    sources = {each["name"]: each["tables"] for each in declared("staging/sources.yml", "sources")}
    in_dbt = {f"{SCHEMA}.{table['name']}": table["columns"] for table in sources[SCHEMA]}
    yield f"## `{SCHEMA}`\n\nWhat leadloop did, and who works on the warehouse now; written by the command itself."
    for name, declaration in sorted(METADATA.tables.items()):
        meanings = {
            **told_by_hand(name),
            **{each["name"]: each["description"] for each in in_dbt.get(name, ())},
        }
        columns = [
            {"name": each.name, "data_type": sql_type(each.type), "description": meanings.get(each.name, "")}
            for each in declaration.columns
        ]
        row = f"One row per {declaration.info['one_row_per']}."
        more = f"[More about it](warehouse.md#{name.replace('.', '')})."
        yield described(name, {"description": f"{row} {more}", "columns": columns})


def told_by_hand(name: str) -> dict[str, str]:
    """Column -> meaning, from the table's section in docs/warehouse.md."""
    below = read(WRITTEN).partition(f"\n## `{name}`\n")[2].partition("\n## ")[0]
    return {
        column: meaning.strip()
        for column, meaning in re.findall(r"^\| `(\w+)` \| \w+ \|(.*)\|$", below, re.M)
    }


def by_hand(name: str) -> dict[str, Any]:
    """A view that is no model, from its section in docs/warehouse.md."""
    says = read(WRITTEN).partition(f"\n## `{name}`\n")[2].partition("\n|")[0]
    columns = [{"name": column, "description": meaning} for column, meaning in told_by_hand(name).items()]
    return {"description": says, "columns": columns}


def sql_type(declared: Any) -> str:
    """Its name as it is in both engines."""
    kinds = {"DateTime": "timestamptz", "BigInteger": "bigint"}
    return kinds.get(type(declared).__name__, type(declared).__name__.lower())


def described(name: str, model: dict[str, Any]) -> str:
    """A heading, what a row is, the columns that make it one, and all columns that are declared."""
    tests = [test["grain"]["arguments"] for test in model.get("data_tests", ()) if "grain" in test]
    key = "".join(f"\n\nOne row per {', '.join(f'`{each}`' for each in test['columns'])}." for test in tests)
    columns = model["columns"]
    typed = any("data_type" in each for each in columns)
    explained = any(each.get("description") for each in columns)
    rows = [
        (
            f"`{each['name']}`",
            *((each.get("data_type", ""),) if typed else ()),
            *((one_line(each.get("description", "")),) if explained else ()),
        )
        for each in columns
    ]
    head = ("column", *(("type",) if typed else ()), *(("meaning",) if explained else ()))
    return f"### `{name}`\n\n{one_line(model['description'])}{key}\n\n{table(head, rows)}"


def declared(files: str, kind: str) -> Iterator[dict[str, Any]]:
    """The models or sources of some of the dbt project's yml files."""
    import yaml

    for path in sorted(MODELS.glob(files)):
        yield from yaml.safe_load(read(path)).get(kind, ())


def one_line(text: str) -> str:
    """A description without line breaks, its ``{{ doc('name') }}`` replaced by that text of docs.md."""
    texts = dict(re.findall(r"{% docs (\w+) %}(.*?){% enddocs %}", read(MODELS / "docs.md"), re.DOTALL))
    whole = re.sub(r"{{ doc\('(\w+)'\) }}", lambda name: str(texts[name[1]]), text)
    return " ".join(whole.split())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
