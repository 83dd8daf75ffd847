"""Push models built aside: in a schema of their own that is gone afterwards, so that nothing of a night's run is touched.

What is built are the models that the pushes are made from and that people wrote; what comes with leadloop (``leads``,
``int_push_memory``) is read where it is. Where the warehouse is a file, all of it happens in a copy that is private and is deleted;
on a server, in a schema that is dropped. Nothing is written to any other table, no hook runs, and no CRM is called.
"""

import re
import shutil
import tempfile
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
import yaml
from filelock import FileLock, Timeout

from connector.errors import ConfigError, ModelError
from connector.warehouse import dbt, models, snapshot
from connector.warehouse.connection import Warehouse
from connector.warehouse.engines import ENGINES
from connector.warehouse.graph import PACKAGE, is_example
from connector.warehouse.ledger import columns_of
from connector.warehouse.models import PushSpec
from connector.warehouse.runs import runs

BEGINNING = "leadloop_aside_"
"""How the names of schemas and folders begin in which something is built aside."""
LEFT_BEHIND = timedelta(hours=24)
"""A schema of this age belongs to nobody any more: whoever made it was killed."""
_NAMED = re.compile(rf"{BEGINNING}(\d{{14}})_[0-9a-f]{{6}}_\w+")
_TAG = "leadloop_aside"
_AS_THEY_ARE = ("view", "table", "ephemeral", "seed")
"""Materializations that write nothing but their own relation; each other model is made as a table."""
_LONGEST_NAME = 40


class Built(NamedTuple):
    """What was built of one project."""

    pushes: tuple[PushSpec, ...]
    """Each says where it is now."""
    names: tuple[str, ...]
    """Of all pushes of the project, built or not."""


@dataclass(frozen=True)
class Place:
    """Where models are built aside."""

    named: Warehouse
    """The warehouse that the settings, and dbt's profile, name."""
    warehouse: Warehouse
    """The same, or a copy of it: what is read and built in."""
    folder: Path
    """For files that are gone afterwards."""
    schemas: str
    """How the names of the schemas begin."""

    def build(
        self, folder: Path, name: str, only: Collection[str], on_event: dbt.OnEvent | None = None
    ) -> Built:
        """Builds the pushes ``only`` and what may be their rivals, or all pushes, of a project.

        ``name``: which of several builds it is; a plain word. Raises what ``models.build`` raises, and ``ModelError`` where
        leadloop's own models aren't built yet.
        """
        project, read, known = models.parse_anew(folder, self.named, Path("aside") / name)
        with self.warehouse.engine().connect() as connection:
            if not columns_of(connection, *known.relations.leads):
                raise ModelError(
                    f"{known.relations.leads} is not in the warehouse yet, and pushes are compared with it.",
                    "Run: leadloop build. If it was built by another target of dbt's, choose that one with --dbt-target.",
                )
        named = [each for each in known.pushes if not only or each.name in only]
        pushes = [each for each in known.pushes if each in named or any(_share(each, one) for one in named)]
        schema = f"{self.schemas}{name}"
        where = _set_aside(read, schema, {each.name for each in pushes})
        if where:
            self._make(project, read, on_event)
        built = (replace(each, schema=schema, identifier=where[each.name]) for each in pushes)
        return Built(tuple(built), tuple(each.name for each in known.pushes))

    def _make(self, project: dbt.Project, read: dbt.Parsed, on_event: dbt.OnEvent | None) -> None:
        if self.warehouse is not self.named and not models.follows(read, self.named):
            project = self._redirected(project, read)
        arguments = ["--select", f"tag:{_TAG}"]
        for kind in ("test", "unit_test", "snapshot"):
            arguments += ["--exclude-resource-type", kind]
        kind, environment = self.warehouse.kind, self.warehouse.dbt_env()
        try:
            nodes, _ = project.build(read.manifest, arguments, kind, environment, on_event)
        except Exception as error:
            raise self.warehouse.explained(error) or dbt.not_begun(error, kind, "") from None
        models.refuse_failed(nodes, self.warehouse)

    def _redirected(self, project: dbt.Project, read: dbt.Parsed) -> dbt.Project:
        """The project with a profile that leads to the copy. What stands in it unrendered stays so, and no secret is copied."""
        profiles = yaml.safe_load((project.profiles / "profiles.yml").read_text(encoding="utf-8"))
        output = profiles[read.profile]["outputs"][read.target]
        changed = ENGINES[self.warehouse.kind].dbt_output(output, self.warehouse.url)
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        content = {read.profile: {"target": read.target, "outputs": {read.target: changed}}}
        (folder / "profiles.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
        options = replace(project.options, profiles_dir=folder, profile=read.profile, target=read.target)
        return replace(project, options=options)

    def last_written(self) -> int:
        """Grows with each run of leadloop that begins: what is read before and after one may be of two moments."""
        with self.warehouse.engine().connect() as connection:
            if runs.c.sequence_number.name not in columns_of(connection, str(runs.schema), runs.name):
                return 0
            return int(connection.scalar(sa.select(sa.func.max(runs.c.sequence_number))) or 0)


@contextmanager
def aside(warehouse: Warehouse) -> Iterator[Place]:
    """A place beside the warehouse, gone at the end. ``ConfigError`` where there is no warehouse, ``LockedError`` where its file
    is being written to all the time."""
    path = warehouse.file
    if not warehouse.has_previews:
        raise ConfigError(
            f"A preview makes models in a copy of the warehouse, and {warehouse.label} is more than one file.",
            "Nothing was made. Build the change into a lake of its own, and look at `leadloop plan` there.",
        )
    if path is not None and not path.is_file():
        raise ConfigError(f"There is no warehouse {path} yet.", "Run: leadloop extract")
    schemas = f"{BEGINNING}{datetime.now(UTC):%Y%m%d%H%M%S}_{uuid.uuid4().hex[:6]}_"
    with _folder(None if path is None else path.parent) as folder, warehouse.translated():
        if path is not None:
            # The database is called like its file, and a view may hold that name.
            snapshot.copy(warehouse, [folder / path.name])
            yield Place(warehouse, warehouse.copied_to(folder / path.name), folder, schemas)
            return
        _drop(warehouse, _is_left_behind)
        try:
            yield Place(warehouse, warehouse, folder, schemas)
        finally:
            _drop(warehouse, lambda name: name.startswith(schemas))


@contextmanager
def _folder(beside: Path | None) -> Iterator[Path]:
    """An empty private folder, beside the file if that can be: there a copy may take no room. Those of killed processes go, too."""
    made = None
    if beside is not None:
        for left in beside.glob(f".{BEGINNING}*"):
            with suppress(Timeout, OSError), FileLock(left / "lock", timeout=0):
                shutil.rmtree(left, ignore_errors=True)
        with suppress(OSError):
            made = Path(tempfile.mkdtemp(prefix=f".{BEGINNING}", dir=beside))
    folder = made or Path(tempfile.mkdtemp(prefix=f".{BEGINNING}"))
    try:
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
        with FileLock(folder / "lock"):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _share(one: PushSpec, other: PushSpec) -> bool:
    """Whether two pushes may want different values for a field of a lead."""
    return one.crm == other.crm and not one.fields.keys().isdisjoint(other.fields)


def _is_left_behind(name: str) -> bool:
    found = _NAMED.fullmatch(name)
    if found is None:
        return False
    return datetime.now(UTC) - datetime.strptime(f"{found[1]}+0000", "%Y%m%d%H%M%S%z") > LEFT_BEHIND


def _drop(warehouse: Warehouse, is_meant: Any) -> None:
    """Drops the schemas that are meant, with all that is in them."""
    schemata = sa.table("schemata", sa.column("schema_name"), schema="information_schema").c
    query = sa.select(schemata.schema_name).where(schemata.schema_name.startswith(BEGINNING, autoescape=True))
    with warehouse.engine().begin() as connection:
        for name in filter(is_meant, list(connection.scalars(query))):
            quoted = connection.dialect.identifier_preparer.quote_identifier(name)
            connection.exec_driver_sql(f"drop schema if exists {quoted} cascade")


def _set_aside(read: dbt.Parsed, schema: str, pushes: Collection[str]) -> Mapping[str, str]:
    """Has the manifest make the models of these pushes in a schema of their own and nothing else: push -> name of its relation."""
    manifest = read.manifest
    found: dict[str, str] = {}
    for number, unique_id in enumerate(sorted(_own_models(manifest, pushes))):
        node = manifest.nodes[unique_id]
        node.database, node.schema = read.credentials.database, schema
        node.alias = f"m{number}_{node.name}"[:_LONGEST_NAME]
        node.relation_name = None
        node.tags.append(_TAG)
        config = node.config
        if config.materialized not in _AS_THEY_ARE:
            config.materialized = "table"
        config.pre_hook, config.post_hook, config.grants, config.persist_docs = [], [], {}, {}
        if node.name in pushes and "leadloop_push" in config.meta:
            found[node.name] = node.alias
    for unique_id, node in [*manifest.nodes.items()]:
        if str(node.resource_type) == "operation":
            del manifest.nodes[unique_id]
    return found


def _own_models(manifest: Any, pushes: Collection[str]) -> set[str]:
    """The pushes and all that they are made from, but for what comes with leadloop, snapshots and what is no part of the project."""
    found = set[str]()
    waiting = [
        unique_id
        for unique_id, node in manifest.nodes.items()
        if node.name in pushes and str(node.resource_type) == "model" and "leadloop_push" in node.config.meta
    ]
    while waiting:
        unique_id = waiting.pop()
        node = manifest.nodes.get(unique_id)
        if node is None or unique_id in found or str(node.resource_type) not in ("model", "seed"):
            continue
        if node.package_name == PACKAGE and "leadloop_push" not in node.config.meta and not is_example(node):
            continue
        found.add(unique_id)
        waiting.extend(node.depends_on_nodes)
    return found
