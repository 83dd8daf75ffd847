"""The dbt models: makes and tests them in this process, and finds the pushes among them.

The dbt project is the one that is named, else ``./dbt_models``, else the folder itself; the one that comes with leadloop is
never taken unless it is named. What dbt and this module keep between calls is under ``./.leadloop/dbt`` and can be deleted at any time.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from time import monotonic
from typing import Any, Protocol
from urllib.parse import urlsplit

from connector import config, crm
from connector.errors import ConfigError, LeadloopError, ModelError
from connector.parsing import is_loopback, no_such
from connector.warehouse import dbt, private, settings
from connector.warehouse.dbt import NodeResult, OnEvent, Project
from connector.warehouse.duckdb import DEFAULT_FILE

STATE = Path(".leadloop") / "dbt"
PACKAGED = "packaged"
"""The name by which ``--dbt-project`` and ``dbt.project`` ask for the dbt project that comes with leadloop."""
_IGNORED = {"target", "logs", "dbt_packages", ".git"}


class Target(Protocol):
    """What dbt needs to know of a warehouse; ``connection.Warehouse`` is one."""

    @property
    def dbt_target(self) -> str: ...
    def dbt_env(self) -> dict[str, str]: ...
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
    max_inserts: int | None = None
    max_deletes: int | None = None
    max_found: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    """What each insert is told besides its fields."""
    equal: Mapping[str, str] = field(default_factory=dict)
    """CRM field -> the rule by which its values are compared."""
    lead_id: str = ""
    """For an upsert, if any: the column of the desired rows that has the CRM's id of the lead, where it is known."""
    stands_on: tuple[str, ...] = ()
    """dbt's ids of the push itself, of all that it is made from, and of the tests on those."""
    leads_schema: str = ""
    """Where the model ``leads`` is that the push is compared with: not beside the push where a project has a schema of its own."""


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build made and tested; only ever one in which nothing failed."""

    nodes: tuple[NodeResult, ...] = field(repr=False)
    seconds: float = 0.0

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
    the project's files, ``BuildError`` for models and tests that failed, and what the warehouse makes of an engine that
    can't be reached (``LockedError``, ``ConfigError``).
    """
    began = monotonic()
    project = _project(find_project(project_dir))
    environment, target = warehouse.dbt_env(), warehouse.dbt_target
    files = _fingerprint(project)
    manifest = project.parse(target, environment)
    _remember_pushes(project, files, _pushes_in(manifest))
    arguments = ["--select", *select.split()] if select else []
    arguments += ["--full-refresh"] if full_refresh else []
    arguments += [] if unit_tests else ["--exclude-resource-type", "unit_test"]
    try:
        nodes = project.build(manifest, arguments, target, environment, on_event)
    except Exception as error:
        raise warehouse.explained(error) or dbt.explained(error) from None
    if select and not nodes:
        raise ModelError(f"No model of the dbt project is selected by {select!r}.")
    failed = [node for node in nodes if not node.ok and node.status != "skipped"]
    if failed:
        raise dbt.summary(failed, sum(node.status == "skipped" for node in nodes))
    return BuildResult(tuple(nodes), round(monotonic() - began, 1))


def pushes(project_dir: Path | None = None) -> list[PushSpec]:
    """Every push model of the project, by name. Parses the project only if its files have changed since the last time."""
    project = _project(find_project(project_dir))
    known, files = _read(_pushes_file(project)), _fingerprint(project)
    if known.get("files") == files:
        specs = [PushSpec(**{**each, "stands_on": tuple(each["stands_on"])}) for each in known["pushes"]]
    else:
        # Which warehouse it is makes no difference to what is read here, and nothing is opened. Named like the one that
        # most builds are for, since dbt parses everything anew when the name changes.
        environment = {"LEADLOOP_DBT_TARGET": "duckdb", dbt.FILE_VARIABLE: DEFAULT_FILE}
        specs = _pushes_in(project.parse("duckdb", environment))
        _remember_pushes(project, files, specs)
    return specs


def push_spec(project_dir: Path | None, name: str) -> PushSpec:
    """The push model of this name; ``ModelError`` with the names that there are."""
    found = {spec.name: spec for spec in pushes(project_dir)}
    if name in found:
        return found[name]
    raise ModelError(
        no_such("push", name, found)
        if found
        else f"No push named {name!r}: no model of the dbt project calls push()."
    )


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
    return Project(folder, packaged_project(), STATE.absolute())


def _pushes_in(manifest: Any) -> list[PushSpec]:
    ours = {"name", "schema", "identifier", "leads_schema", "stands_on"}
    options = {each.name for each in fields(PushSpec)} - ours
    leads_schema = _leads_schema(manifest)
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
        where = {"schema": node.schema, "identifier": node.alias, "leads_schema": leads_schema}
        stands_on = _stands_on(manifest, node.unique_id)
        specs.append(PushSpec(name=node.name, stands_on=stands_on, **where, **found))
    return sorted(specs, key=lambda spec: spec.name)


def _stands_on(manifest: Any, unique_id: str) -> tuple[str, ...]:
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
    return tuple(sorted(found | tests))


def _leads_schema(manifest: Any) -> str:
    """Where the packaged model ``leads`` is, which every push is compared with; blank where there is none."""
    found = (
        node.schema
        for node in manifest.nodes.values()
        if str(node.resource_type) == "model" and (node.package_name, node.name) == ("leadloop", "leads")
    )
    return next(found, "")


def _remember_pushes(project: Project, files: str, specs: Iterable[PushSpec]) -> None:
    _write(_pushes_file(project), {"files": files, "pushes": [asdict(spec) for spec in specs]})


def _fingerprint(project: Project) -> str:
    """Changes whenever a file does from which dbt would read something else, and whenever a PushSpec has other fields."""
    seen = hashlib.sha256(repr(PushSpec.__slots__).encode())
    for root in dict.fromkeys((project.folder, project.package, project.profiles)):
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(set(folders) - _IGNORED)
            for name in sorted(names):
                if name.endswith((".sql", ".yml", ".yaml")) and name != "package-lock.yml":
                    path = Path(folder, name)
                    stat = path.stat()
                    seen.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return seen.hexdigest()


def _file(project: Project, what: str) -> Path:
    return project.state / f"{what}-{hashlib.sha256(str(project.folder).encode()).hexdigest()[:12]}.json"


def _pushes_file(project: Project) -> Path:
    return _file(project, "pushes")


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
