"""The dbt models: makes and tests them in this process, and finds the pushes among them.

The dbt project is the one that is named, else ``./dbt_models``, else the folder itself; the one that comes with leadloop is
never taken unless it is named. What dbt and this module keep between calls is under ``./.leadloop/dbt`` and can be deleted at any time.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from connector import config, crm
from connector.errors import ConfigError, LeadloopError, ModelError
from connector.parsing import is_loopback, no_such
from connector.warehouse import dbt, graph, private, settings
from connector.warehouse.dbt import NodeResult, OnEvent, Project
from connector.warehouse.duckdb import DEFAULT_FILE
from connector.warehouse.engines import ENGINES, dbt_place, of_profile
from connector.warehouse.relations import DEFAULT, Relation, Relations
from connector.warehouse.steady import Made, made, moves

STATE = Path(".leadloop") / "dbt"
PACKAGED = "packaged"
"""The name by which ``--dbt-project`` and ``dbt.project`` ask for the dbt project that comes with leadloop."""
_IGNORED = {"target", "logs", "dbt_packages", ".git"}
_READ_BY_DBT = (".sql", ".yml", ".yaml", ".md")
"""Files of a project without seeds and models in Python."""
_MAKE_SQL = ("leadloop", "dbt-core", "dbt-adapters", "dbt-duckdb", "dbt-postgres", "duckdb")
"""Distributions whose versions decide what SQL is made and how it is carried out."""


class Target(Protocol):
    """What dbt needs to know of a warehouse; ``connection.Warehouse`` is one."""

    @property
    def kind(self) -> str: ...
    @property
    def place(self) -> str: ...
    def dbt_env(self) -> dict[str, str]: ...
    def building(self, schemas: Collection[str]) -> AbstractContextManager[Mapping[str, str]]: ...
    def built(
        self,
        project: Project,
        parsed: dbt.Parsed,
        nodes: Sequence[NodeResult],
        made: Sequence[Any],
    ) -> list[NodeResult]: ...
    def explained(self, error: BaseException) -> LeadloopError | None: ...


@dataclass(frozen=True, slots=True)
class PushSpec:
    """One push model: where its rows are, and the options that its ``push`` macro was called with."""

    name: str
    schema: str
    identifier: str
    crm: str
    key: str
    fields: Mapping[str, str]
    """CRM field -> column of the desired rows; none for a delete."""
    mode: str
    on_conflict: str
    nulls: str
    first_push: str
    max_changes: int | None
    max_share: float | None
    max_clears: int | None
    confirm: str
    approval: str = "none"
    """``required`` where each plan has to be approved."""
    approve_above: int | None = None
    """A plan of more leads has to be approved; ``None``: of none."""
    max_inserts: int | None = None
    max_deletes: int | None = None
    max_found: int | None = None
    max_unknown_share: float | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    """What each insert is told besides its fields."""
    equal: Mapping[str, str] = field(default_factory=dict)
    """CRM field -> the rule by which its values are compared."""
    policies: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """CRM field -> ``on_conflict``, ``nulls`` or ``first_push`` -> what it has of its own."""
    lead_id: str = ""
    """For an upsert, if any: the column of the desired rows that has the CRM's id of the lead, where it is known."""
    stands_on: Mapping[str, str] = field(default_factory=dict)
    """dbt's ids of the push itself, of all that it is made from, and of the tests on those -> the schema of each."""
    relations: Relations = DEFAULT
    """Where the models are that the push is compared with."""


class OtherForm(NamedTuple):
    """A field whose value the CRM keeps in another form than the one that was sent."""

    crm: str
    field: str
    rule: str
    """Of ``equal``: it would make them equal."""
    leads: int


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build made and tested; only ever one in which nothing failed."""

    nodes: tuple[NodeResult, ...] = field(repr=False)
    seconds: float = 0.0
    unchanged_since: datetime | None = None
    """When it was built, where a run found that nothing has changed since, and so made and tested nothing."""
    made: Made | None = field(default=None, repr=False)
    """What a build of all made; ``None`` for a build of some."""
    other_forms: tuple[OtherForm, ...] = ()
    """What was found, for the first time, to be kept in another form."""

    @property
    def models(self) -> int:
        return sum(node.kind == "model" for node in self.nodes)

    @property
    def tests(self) -> int:
        return sum(node.kind in ("test", "unit_test") for node in self.nodes)

    @property
    def warnings(self) -> tuple[NodeResult, ...]:
        return tuple(node for node in self.nodes if node.status == "warn")


def packaged_project() -> Path:
    """The dbt project that comes with leadloop: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "dbt_models"
    return inside if (inside / "dbt_project.yml").is_file() else package.parent / "dbt_models"


def find_project(project: Path | None = None) -> Path:
    """The dbt project to work with: what ``project`` or the setting ``dbt.project`` names, else ``./dbt_models``, else ``.``.

    ``ModelError`` where what is named is none, ``ConfigError`` where nothing is named and there is none here: a run in
    the wrong folder would begin an empty warehouse there.
    """
    setting = config.named("dbt.project")
    found = project if project is not None else settings.dbt_project()
    if found is not None:
        if str(found) == PACKAGED:
            return packaged_project()
        if not (found / "dbt_project.yml").is_file():
            by = "" if project is not None else f"{setting}: "
            raise ModelError(f"{by}{found} is no dbt project: it has no dbt_project.yml.")
        return found.resolve()
    for own in (Path("dbt_models"), Path()):
        if (own / "dbt_project.yml").is_file():
            return own.resolve()
    here = Path.cwd()
    raise ConfigError(
        f"There is no dbt project here: neither {here / 'dbt_models' / 'dbt_project.yml'} nor {here / 'dbt_project.yml'} is "
        "there.",
        "Go to your project's folder or name it with `leadloop -C DIR`; or name the dbt project with --dbt-project "
        f"or {setting}; `leadloop init` writes a new project. `--dbt-project {PACKAGED}` is the one that comes with leadloop.",
    )


@dataclass(frozen=True, slots=True)
class Known:
    """What a project's manifest says, as far as leadloop has to know it."""

    pushes: tuple[PushSpec, ...]
    """By name."""
    relations: Relations
    place: str
    """The warehouse that dbt's profile names, as ``Warehouse.place`` has it; blank for whichever leadloop opens."""
    profile: str
    """Where that is said, for people."""
    below_pushes: tuple[graph.Model, ...] = ()
    """The pushes and all that they are made from."""

    def push(self, name: str) -> PushSpec:
        """The push model of this name; ``ModelError`` with the names that there are."""
        for spec in self.pushes:
            if spec.name == name:
                return spec
        raise ModelError(
            no_such("push", name, [spec.name for spec in self.pushes])
            if self.pushes
            else f"No push named {name!r}: no model of the dbt project calls push()."
        )

    def check(self, warehouse: Target) -> None:
        """``ConfigError`` where dbt would build in another warehouse than the one that leadloop opens."""
        if self.place and warehouse.place and self.place != warehouse.place:
            raise ConfigError(
                f"dbt and leadloop do not mean the same warehouse. dbt: {self.place}, by {self.profile}. "
                f"leadloop: {warehouse.place}.",
                f"Name the same one in both: in leadloop's settings warehouse.destination and destination.{warehouse.kind}."
                f"credentials, or choose another target for dbt with {config.named('dbt.target')}.",
            )


def build(
    warehouse: Target,
    project_dir: Path | None = None,
    *,
    select: str | None = None,
    full_refresh: bool = False,
    unit_tests: bool = False,
    on_event: OnEvent | None = None,
) -> BuildResult:
    """Makes and tests the models, or those that ``select`` names in dbt's own notation.

    The models' unit tests look at no data and run only with ``unit_tests``. Raises ``ModelError`` for what is wrong with
    the project's files, ``ConfigError`` for a profile of another warehouse, ``BuildError`` for models and tests that failed,
    and what the warehouse makes of an engine that can't be reached (``LockedError``, ``ConfigError``).
    """
    began = monotonic()
    project = _project(find_project(project_dir))
    parsed = _parse(project, warehouse)[0]
    manifest = parsed.manifest
    why_not = "" if select else moves(manifest, project.is_with_ours)
    arguments = ["--select", *select.split()] if select else []
    arguments += ["--full-refresh"] if full_refresh else []
    arguments += [] if unit_tests else ["--exclude-resource-type", "unit_test"]
    ENGINES[warehouse.kind].prepare(manifest)
    try:
        with warehouse.building(_schemas(manifest)) as environment:
            nodes, built = project.build(manifest, arguments, warehouse.kind, environment, on_event)
        more = warehouse.built(project, parsed, nodes, built)
    except Exception as error:
        raise warehouse.explained(error) or dbt.not_begun(error, warehouse.kind, select or "") from None
    if select and not nodes:
        raise ModelError(f"No model of the dbt project is selected by {select!r}.")
    refuse_failed([*nodes, *more], warehouse)
    everything = None if select else made(manifest, built, ENGINES[warehouse.kind].sql, why_not)
    return BuildResult(tuple(nodes), round(monotonic() - began, 1), made=everything)


def _schemas(manifest: Any) -> set[str]:
    """Where a project makes relations."""
    made = ("model", "seed", "snapshot")
    return {node.schema for node in manifest.nodes.values() if str(node.resource_type) in made}


def refuse_failed(nodes: Iterable[NodeResult], warehouse: Target) -> None:
    """Raises what a build ends with in which some of these failed."""
    failed = [node for node in nodes if not node.ok and node.status != "skipped"]
    if failed:
        of_database = LeadloopError("\n".join(node.of_database for node in failed))
        raise warehouse.explained(of_database) or dbt.summary(
            failed, sum(node.status == "skipped" for node in nodes)
        )


def known(project_dir: Path | None = None, warehouse: Target | None = None) -> Known:
    """What the project's manifest says. Parses the project only if what dbt would read has changed since the last time.

    ``ConfigError`` where the project's profile names another warehouse than this one.
    """
    project = _project(find_project(project_dir))
    found = _remembered(project, _read(_known_file(project)))
    if found is None:
        return _parse(project, warehouse or _Nowhere())[1]
    if warehouse is not None:
        found.check(warehouse)
    return found


def files_digest(project_dir: Path | None = None) -> str:
    """Says what is in the files that dbt reads models and settings from: the project's, its packages', the profile. The same on
    every machine."""
    project = _project(find_project(project_dir))
    seen = hashlib.sha256()
    with suppress(OSError):
        seen.update((project.profiles / "profiles.yml").read_bytes())
    packages = sorted(project.packages.iterdir()) if project.packages.is_dir() else []
    for name, root in (("", project.folder), *((each.name, each.resolve()) for each in packages)):
        for folder, folders, names in os.walk(root, followlinks=True):
            folders[:] = sorted(
                each for each in set(folders) - _IGNORED - {project.packages.name} if not each.startswith(".")
            )
            for each in sorted(names):
                if each.endswith(_READ_BY_DBT) and each != "package-lock.yml":
                    path = Path(folder, each)
                    content = path.read_bytes() if path.is_file() else b""
                    seen.update(f"{name}\0{path.relative_to(root)}\0{len(content)}\n".encode() + content)
    return seen.hexdigest()


def digest(project_dir: Path | None, files: str) -> str | None:
    """Says what, besides the warehouse, a build depends on: files with this ``files_digest``, profile, target, variables, those
    of the environment, and the versions of what makes the SQL. ``None`` where dbt would have to read the project first."""
    project = _project(find_project(project_dir))
    content = _read(_known_file(project))
    if _remembered(project, content) is None:
        return None
    told = [files, *project.choices(), crm.for_dbt(), _environment(content["variables"])]
    for name in _MAKE_SQL:
        with suppress(PackageNotFoundError):
            told.append(f"{name} {version(name)}")
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def credentials(project_dir: Path) -> Any:
    """What dbt's profile says of the warehouse, as dbt's adapter has it. Holds a password: never show it."""
    where = _Nowhere()
    return _project(find_project(project_dir)).parse(where.kind, where.dbt_env()).credentials


def relations() -> Relations:
    """Where leadloop's own models are as far as is known without dbt: for who only looks, also where no project is."""
    try:
        project = _project(find_project())
        found = _known(_read(_known_file(project)))
    except LeadloopError:
        return DEFAULT
    return found.relations if found else DEFAULT


def own_pushes(project: Path | None, specs: Iterable[PushSpec]) -> list[str]:
    """Names of the pushes that a run sends when none is named: those of the packaged project only to a CRM on this machine."""
    if find_project(project) != packaged_project():
        return [spec.name for spec in specs]
    return [spec.name for spec in specs if _on_this_machine(spec.crm)]


def _on_this_machine(vendor: str) -> bool:
    """Whether a CRM is set up and its address is this machine's. What is wrong with its settings, its extraction tells."""
    try:
        address = crm.vendor(vendor).settings().base_url
    except ConfigError:
        return False
    return is_loopback(urlsplit(address).hostname or "")


def _project(folder: Path) -> Project:
    return Project(folder, packaged_project(), STATE.absolute(), settings.dbt())


class _Nowhere:
    """Which warehouse it is makes no difference to what is read of a project whose profile takes it from leadloop, and
    nothing is opened. Named like the one that most builds are for, since dbt parses everything anew when the name changes."""

    kind = "duckdb"
    place = ""

    def dbt_env(self) -> dict[str, str]:
        return {"LEADLOOP_DBT_TARGET": self.kind, dbt.FILE_VARIABLE: DEFAULT_FILE}

    def building(self, schemas: Collection[str]) -> AbstractContextManager[Mapping[str, str]]:
        return nullcontext(self.dbt_env())

    def built(
        self,
        project: Project,
        parsed: dbt.Parsed,
        nodes: Sequence[NodeResult],
        made: Sequence[Any],
    ) -> list[NodeResult]:
        return []

    def explained(self, error: BaseException) -> LeadloopError | None:
        return None


def parse_anew(
    folder: Path, warehouse: Target, kept_in: Path | None = None
) -> tuple[Project, dbt.Parsed, Known]:
    """What dbt makes of a project's files, whatever was remembered. ``kept_in``: where dbt keeps its own files for it, for a second
    project of the same name, by default where it keeps those of any."""
    project = _project(folder)
    project = project if kept_in is None else replace(project, state=project.state / kept_in)
    return project, *_parse(project, warehouse)


def follows(read: dbt.Parsed, warehouse: Target) -> bool:
    """Whether dbt builds in whichever warehouse leadloop opens, since the profile takes it from leadloop."""
    return _follows(read, warehouse.kind, warehouse.dbt_env())


def _parse(project: Project, warehouse: Target) -> tuple[dbt.Parsed, Known]:
    """What dbt read, and what is to be known of it, which is remembered."""
    files, environment = _fingerprint(project), warehouse.dbt_env()
    parsed = project.parse(warehouse.kind, environment)
    place = "" if _follows(parsed, warehouse.kind, environment) else dbt_place(parsed.credentials)
    relations = _relations(parsed.manifest)
    found = Known(
        tuple(_pushes_in(parsed.manifest, relations)),
        relations,
        place,
        f"the profile in {project.profiles}",
        graph.below_pushes(parsed.manifest),
    )
    _check_databases(parsed)
    variables = sorted((parsed.of_profile | parsed.of_project) - environment.keys())
    content = {
        "files": files,
        "variables": variables,
        "environment": _environment(variables),
        "place": place,
        "profile": found.profile,
        "relations": relations,
        "pushes": [asdict(spec) for spec in found.pushes],
        "below_pushes": found.below_pushes,
    }
    _write(_known_file(project), content)
    found.check(warehouse)
    return parsed, found


def _follows(parsed: dbt.Parsed, kind: str, environment: Mapping[str, str]) -> bool:
    """Whether the profile takes the warehouse from the variables that leadloop sets, so that it is the same one anyway."""
    return ENGINES[kind].is_of(parsed.credentials) and (
        ENGINES[kind].place_variables <= parsed.of_profile & environment.keys()
    )


def _check_databases(parsed: dbt.Parsed) -> None:
    """``ConfigError`` for a push in another database than the profile's: leadloop opens one; and for one in a schema that can't be
    told from the database."""
    credentials = parsed.credentials
    engine = of_profile(credentials)
    for node in parsed.manifest.nodes.values():
        is_read = _is_relation(node) or "leadloop_push" in node.config.meta
        if is_read and node.database not in (None, credentials.database):
            raise ConfigError(
                f"The model {node.name} is in the database {node.database}, and leadloop opens {credentials.database} only.",
                "Take the setting database of this model out of the dbt project.",
            )
        if (
            is_read
            and engine is not None
            and engine.names_database_after_file
            and node.schema.lower() == credentials.database.lower()
        ):
            raise ConfigError(
                f"The model {node.name} is in the schema {node.schema}, which is the name of the file "
                f"{Path(credentials.path).name} as well, and DuckDB can't tell them apart.",
                "Choose another schema in dbt's profile or project, or another name for the file.",
            )


def _environment(variables: Iterable[str]) -> str:
    """One digest of what these variables are now, so slow to make that no value is found by trying."""
    values = json.dumps({name: os.environ.get(name) for name in variables}, sort_keys=True)
    return hashlib.pbkdf2_hmac("sha256", values.encode(), b"leadloop", 20_000).hex()


def _remembered(project: Project, content: Mapping[str, Any]) -> Known | None:
    """What is remembered of a project, unless dbt would read something else by now."""
    if content.get("files") != _fingerprint(project):
        return None
    if content["environment"] != _environment(content["variables"]):
        return None
    return _known(content)


def _known(content: Mapping[str, Any]) -> Known | None:
    if "below_pushes" not in content:
        return None
    specs = (
        PushSpec(**{**each, "relations": _as_relations(each["relations"])}) for each in content["pushes"]
    )
    return Known(
        tuple(specs),
        _as_relations(content["relations"]),
        content["place"],
        content["profile"],
        graph.remembered(content["below_pushes"]),
    )


def _as_relations(content: Iterable[Iterable[str]]) -> Relations:
    return Relations(*(Relation(*each) for each in content))


def _pushes_in(manifest: Any, relations: Relations) -> list[PushSpec]:
    ours = {"name", "schema", "identifier", "relations", "stands_on"}
    options = {each.name for each in fields(PushSpec)} - ours
    specs = []
    for node in manifest.nodes.values():
        found = node.config.meta.get("leadloop_push") if str(node.resource_type) == "model" else None
        if found is None:
            continue
        if not isinstance(found, dict) or set(found) != options:
            raise ModelError(
                f"The meta of {node.name} has a leadloop_push that the push macro did not write."
            )
        # Settings, which may name accounts, are read only for a name that is no CRM's.
        if found["crm"] not in crm.vendors() and found["crm"] not in crm.names():
            raise ModelError(
                f"push {node.name} ({node.original_file_path}): {no_such('CRM', str(found['crm']), crm.names())}"
            )
        where = {"name": node.name, "schema": node.schema, "identifier": node.alias}
        found = {**found, "stands_on": _stands_on(manifest, node.unique_id)}
        specs.append(PushSpec(**where, **found, relations=relations))
    return sorted(specs, key=lambda spec: spec.name)


def _stands_on(manifest: Any, unique_id: str) -> dict[str, str]:
    """A node, all that it is made from, and the tests on those; a test that looks beyond them is not among them."""
    found, waiting = set[str](), [unique_id]
    while waiting:
        each = waiting.pop()
        if each not in found and each in manifest.nodes:
            found.add(each)
            waiting.extend(manifest.nodes[each].depends_on_nodes)
    tests = {
        node.unique_id
        for node in manifest.nodes.values()
        if str(node.resource_type) == "test"
        and (
            getattr(node, "attached_node", None) in found
            or (node.depends_on_nodes and found.issuperset(node.depends_on_nodes))
        )
    }
    return {each: manifest.nodes[each].schema for each in sorted(found | tests)}


def _relations(manifest: Any) -> Relations:
    """Where the packaged models are that leadloop reads; where they would be, in a project that has switched one off."""
    found = {
        node.name: Relation(node.schema, node.alias) for node in manifest.nodes.values() if _is_relation(node)
    }
    return Relations(**{**DEFAULT._asdict(), **found})


def _is_relation(node: Any) -> bool:
    """Whether it is one of the packaged models that leadloop reads."""
    is_ours = str(node.resource_type) == "model" and node.package_name == "leadloop"
    return is_ours and node.name in Relations._fields


def _fingerprint(project: Project) -> str:
    """Changes whenever a file does from which dbt would read something else, and whenever a PushSpec has other fields."""
    seen = hashlib.sha256(repr((PushSpec.__slots__, project.key())).encode())
    with suppress(OSError):
        stat = (project.profiles / "profiles.yml").stat()
        seen.update(f"{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    for root in dict.fromkeys((project.folder, project.package)):
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(set(folders) - _IGNORED)
            for name in sorted(names):
                if name.endswith((".sql", ".yml", ".yaml", ".py")) and name != "package-lock.yml":
                    path = Path(folder, name)
                    stat = path.stat()
                    seen.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return seen.hexdigest()


def _known_file(project: Project) -> Path:
    """One for each way to call dbt for a project, so that nobody who changes between two has dbt parse again."""
    return project.state / f"known-{hashlib.sha256(repr(project.key()).encode()).hexdigest()[:12]}.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    private.folder(path.parent)
    new = path.with_suffix(f".{os.getpid()}")
    new.write_text(json.dumps(content), encoding="utf-8")
    new.replace(path)
