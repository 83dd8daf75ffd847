"""dbt inside this process: one call at a time, its environment set for that call only, nothing left open behind it.

dbt is imported when it is first called: that takes seconds.
"""

import gc
import json
import os
import re
import shutil
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connector import config, crm
from connector.errors import (
    BuildError,
    ConfigError,
    LeadloopError,
    ModelError,
    is_debugging,
    place_of,
    with_free_text,
)
from connector.texts import count
from connector.warehouse import kept, private
from connector.warehouse.engines import ENGINES
from connector.warehouse.settings import DbtSettings
from connector.warehouse.told_errors import UNKNOWN, body, told

OnEvent = Callable[[int, int | None, str], None]
"""Called after each node with how many are done, how many there are, and the node's name."""

PACKAGE_VARIABLE = "LEADLOOP_DBT_PACKAGE"
FILE_VARIABLE = "LEADLOOP_DUCKDB_PATH"
LINK = ".leadloop/package"
"""Where a dbt project finds the dbt package that comes with leadloop, from its own folder."""
_ONE_AT_A_TIME = threading.RLock()
_QUIET = (
    "--log-level", "none",
    "--log-level-file", "none",  # the log would hold what engines say of values they can't read
    "--no-print",
    "--no-use-colors",
    "--no-write-json",
    "--no-send-anonymous-usage-stats",
    "--no-version-check",
)  # fmt: skip
# dbt shows an excerpt of the file between the two, which on one line nobody can read.
_YAML = re.compile(
    r"Error reading [^:]+: (?P<file>.+) - Runtime Error.*Raw Error:\s+-+\s+(?P<said>.+)", re.DOTALL
)
# Options of dbt that make no difference to what is built.
_HARMLESS = {"DBT_SEND_ANONYMOUS_USAGE_STATS", "DBT_SINGLE_THREADED", "DBT_STATIC_PARSER"}
# The options' newer names, and what would write the rows that dbt reads into a file.
_NOT_FOR_DBT = ("DBT_ENGINE_", "DBT_RECORDER_")
_PROJECT_NAME = re.compile(r"^name: *['\"]?(\w+)", re.MULTILINE)
_PROFILE_NAME = re.compile(r"^profile: *['\"]?([\w-]+)", re.MULTILINE)
_PACKAGES_PATH = re.compile(r"^packages-install-path: *['\"]?([^'\"\s#]+)", re.MULTILINE)
_PACKAGE_VERSION = re.compile(r"^version: *['\"]?([^'\"\s#]+)", re.MULTILINE)
_TOP_LEVEL = re.compile(r"^['\"]?([\w-]+)['\"]?:", re.MULTILINE)
_FILE_NAME = re.compile(r"\W+")
_ADVICE = "LEADLOOP_DEBUG=1 shows what the database itself says, which may hold values of leads."
OWN_PROFILE = "leadloop"
"""The profile of the project that comes with leadloop, and of those that ``leadloop init`` writes."""


@dataclass(frozen=True, slots=True)
class NodeResult:
    """What became of one model or test. ``status``: success, pass, warn, error, fail or skipped."""

    unique_id: str
    name: str
    kind: str
    status: str
    message: str
    """A few words for a person; empty where all went well. Never holds a value of a row."""
    seconds: float
    about: tuple[str, ...]
    """The models that a test looks at, or that a model is made from, by unique id."""
    of_database: str = field(default="", repr=False)
    """What the engine says of the database as a whole, if that is why: a full disk, a missing permission."""
    free_text: str = field(default="", repr=False)
    """What dbt and the engine say themselves, which may hold values of leads: under ``LEADLOOP_DEBUG`` alone."""

    @property
    def ok(self) -> bool:
        return self.status in ("success", "pass", "warn", "no-op")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What dbt made of a project's files."""

    manifest: Any
    credentials: Any
    """Those that dbt's profile names, as dbt's adapter has them; with a password, so never to be shown."""
    of_profile: frozenset[str]
    """The environment's variables that the profile asks for."""
    of_project: frozenset[str]
    """Those that the project's files ask for."""
    profile: str
    target: str


@dataclass(frozen=True, slots=True)
class Project:
    """A dbt project on disk, how dbt is called for it, and where dbt may keep its own files for it."""

    folder: Path
    package: Path
    """The dbt project that comes with leadloop, which ``folder`` may use as a package."""
    state: Path
    options: DbtSettings = field(default_factory=DbtSettings)

    @property
    def profiles(self) -> Path:
        """Where profiles.yml is, as dbt looks for it. The one that comes with leadloop is for a project whose profile
        ``leadloop`` is in none of them."""
        if self.options.profiles_dir is not None:
            return self.options.profiles_dir
        named = self._of_dbt("DBT_PROFILES_DIR")
        folders = (*([Path(named)] if named else []), self.folder, Path.cwd(), Path.home() / ".dbt")
        there = [folder for folder in folders if (folder / "profiles.yml").is_file()]
        if self._profile() == OWN_PROFILE:
            there = [folder for folder in there if OWN_PROFILE in _names_in(folder / "profiles.yml")]
            return there[0] if there else self.package
        return there[0] if there else self.folder

    def _profile(self) -> str | None:
        """The name of the profile; ``None`` where only dbt can tell."""
        if given := self.options.profile or self._of_dbt("DBT_PROFILE"):
            return given
        return self._named(_PROFILE_NAME)

    def _named(self, line: re.Pattern[str]) -> str | None:
        """What a line of dbt_project.yml names; ``None`` where it has no such line."""
        found = line.search((self.folder / "dbt_project.yml").read_text(encoding="utf-8"))
        return found[1] if found else None

    def _of_dbt(self, variable: str) -> str | None:
        """What dbt's own variable says. It is meant for a project of the user's, not for the one that comes with leadloop."""
        return None if self.folder == self.package else os.environ.get(variable) or None

    @property
    def target(self) -> str | None:
        """The name of the target; ``None`` for the profile's own."""
        return self.options.target or self._of_dbt("DBT_TARGET")

    def key(self) -> list[str]:
        """What else dbt would read other models from than from the files."""
        return [str(self.folder), str(self.profiles), *self.choices()]

    def choices(self) -> list[str]:
        """The same without places, which are others on another machine."""
        variables = json.dumps(self.options.variables, sort_keys=True, default=str)
        return [self._profile() or "", self.target or "", variables]

    def place(self, engine: str) -> Path:
        """Where dbt keeps what it has parsed and compiled. One for each project's name: dbt takes what it has parsed of
        one project for a part of another, if they share a package."""
        name = self._named(_PROJECT_NAME) or "project"
        return self.state / _FILE_NAME.sub("_", self.target or engine) / name

    def parse(self, engine: str, environment: Mapping[str, str]) -> Parsed:
        """dbt's manifest. ``ModelError`` for whatever is wrong with the project's files. Opens no warehouse."""
        self._install(engine, environment)
        result = self._invoke(["parse"], engine, _wherever_it_is(environment))
        if result.exception is not None or not result.success:
            raise explained(result.exception)
        from dbt.adapters.factory import get_adapter_by_type

        manifest = result.result
        read = get_adapter_by_type(manifest.metadata.adapter_type).config
        return Parsed(
            manifest,
            read.credentials,
            frozenset(read.profile_env_vars),
            frozenset({*manifest.env_vars, *read.project_env_vars}),
            read.profile_name,
            read.target_name,
        )

    def build(
        self,
        manifest: Any,
        arguments: Sequence[str],
        engine: str,
        environment: Mapping[str, str],
        on_event: OnEvent | None,
    ) -> tuple[list[NodeResult], list[Any]]:
        """Runs ``dbt build``: what became of each node, and dbt's own nodes with their SQL. Raises dbt's own exception if it
        could not even begin."""
        result = self._invoke(
            ["build", *arguments], engine, environment, manifest=manifest, callbacks=_progress(on_event)
        )
        if result.result is None:
            raise result.exception or ModelError("dbt could not begin, and did not say why.")
        # A hook that did its work, such as ours that records the results, is neither a model nor a test, and no exposure is.
        found = [_node_result(each, engine) for each in result.result.results]
        told = [each for each in found if each.kind not in ("operation", "exposure") or not each.ok]
        return told, [each.node for each in result.result.results]

    def _install(self, engine: str, environment: Mapping[str, str]) -> None:
        """Puts the packages that the project names into its dbt_packages, unless they are there.

        Ours is installed anew whenever leadloop itself was, or moved, where the project takes it from leadloop. One that
        comes from somewhere else has to be of this version: ``ConfigError``.
        """
        files = [self.folder / name for name in ("packages.yml", "dependencies.yml")]
        named = "".join(file.read_text(encoding="utf-8") for file in files if file.is_file())
        if "packages:" not in named:
            return
        is_ours = LINK in named or PACKAGE_VARIABLE in named
        if LINK in named:
            link_package(self.folder, self.package)
        ours = self.packages / "leadloop"
        if not self.packages.is_dir() or (is_ours and not self._is_current(ours)):
            result = self._invoke(["deps"], engine, environment)
            if not result.success:
                raise explained(result.exception)
        found, needed = _version(ours), _version(self.package)
        if found is not None and found != needed:
            raise ConfigError(
                f"The dbt package in {ours} has version {found}, and this leadloop needs {needed}.",
                f"Name version {needed} in packages.yml, then run: dbt deps",
            )

    @property
    def packages(self) -> Path:
        """The folder in which dbt puts the packages that the project names."""
        return self.folder / (self._named(_PACKAGES_PATH) or "dbt_packages")

    @property
    def is_with_ours(self) -> bool:
        """Whether the project is the package that comes with leadloop, or uses it as it came."""
        return self.folder == self.package or self._is_current(self.packages / "leadloop")

    def _is_current(self, ours: Path) -> bool:
        """Whether dbt's link leads to the package, or, where links can't be made, its copy is like it."""
        if ours.resolve() == self.package.resolve():
            return True
        return ours.is_dir() and not ours.is_symlink() and _texts(ours) == _texts(self.package)

    def _invoke(
        self,
        command: Sequence[str],
        engine: str,
        environment: Mapping[str, str],
        *,
        manifest: Any = None,
        callbacks: Sequence[Callable[[Any], None]] = (),
    ) -> Any:
        place = private.folder(self.place(engine))
        arguments = [*_QUIET, *command, "--project-dir", str(self.folder)]
        arguments += ["--profiles-dir", str(self.profiles), "--log-path", str(place)]
        for option, value in (("--profile", self._profile()), ("--target", self.target)):
            arguments += [option, value] if value else []
        if command[0] != "deps":  # which has no such option
            arguments += ["--target-path", str(place)]
        given = {**self.options.variables}
        given |= {"leadloop_examples": True} if self.folder == self.package else {}
        if brought := crm.for_dbt():
            given["leadloop_crms"] = brought
        if given:
            arguments += ["--vars", json.dumps(given, default=str)]
        variables = {**environment, PACKAGE_VARIABLE: str(self.package)}
        kept.let_go()
        with _ONE_AT_A_TIME, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from dbt.cli.main import cli, dbtRunner

            went_well = False
            with _without_options([cli, *cli.commands.values()]), config.variables(variables):
                try:
                    result = dbtRunner(manifest=manifest, callbacks=list(callbacks)).invoke(arguments)
                    went_well = result.success
                finally:
                    _let_go(went_well)
        if isinstance(result.exception, (KeyboardInterrupt, SystemExit)):
            raise result.exception
        return result


def _wherever_it_is(environment: Mapping[str, str]) -> dict[str, str]:
    """The same without the DuckDB file's folder: parsing takes the file's name only, and dbt would parse everything anew
    if the path were another one than the last time."""
    path = environment.get(FILE_VARIABLE)
    return {**environment, FILE_VARIABLE: Path(path).name} if path else dict(environment)


def _names_in(profiles: Path) -> set[str]:
    """The names of the profiles in a file."""
    try:
        text = profiles.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return set()
    return set(_TOP_LEVEL.findall(text))


def link_package(project: Path, package: Path) -> None:
    """Has ``.leadloop/package`` in a dbt project lead to the dbt package that comes with this leadloop.

    ``packages.yml`` names it there, so that dbt finds it with no variable set. It is a copy where links can't be made.
    """
    link = project / LINK
    if link.resolve() == package.resolve():
        return
    link.parent.mkdir(exist_ok=True)
    ignore = link.parent / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    if link.is_dir() and not link.is_symlink():
        if _texts(link) == _texts(package):
            return
        shutil.rmtree(link)
    new = link.with_name(f"package-{os.getpid()}")
    try:
        new.unlink(missing_ok=True)
        new.symlink_to(package.resolve(), target_is_directory=True)
        new.replace(link)
    except OSError:
        shutil.copytree(package, link, dirs_exist_ok=True, ignore=shutil.ignore_patterns("target", "logs"))


def _version(package: Path) -> str | None:
    """What a dbt package says its version is; ``None`` where there is no package."""
    try:
        found = _PACKAGE_VERSION.search((package / "dbt_project.yml").read_text(encoding="utf-8"))
    except OSError:
        return None
    return found[1] if found else None


def _texts(folder: Path) -> dict[Path, bytes]:
    found = (path for path in folder.rglob("*") if path.suffix in (".sql", ".yml", ".md"))
    return {path.relative_to(folder): path.read_bytes() for path in found}


@contextmanager
def _without_options(commands: Iterable[Any]) -> Iterator[None]:
    """Takes dbt's own options out of the environment for a call: ``DBT_EMPTY=true`` would empty ``analytics.leads``.

    ``commands`` are dbt's, which tell themselves what their options are called. Variables of a project's own stay.
    """
    named = [option.envvar or () for command in commands for option in command.params]
    options = {name for each in named for name in ([each] if isinstance(each, str) else each)}
    taken = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(_NOT_FOR_DBT) or name in options - _HARMLESS
    }
    for name in taken:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(taken)


def _let_go(went_well: bool) -> None:
    """Closes what dbt keeps open: dbt-duckdb holds its file until the process ends, and nobody else could open it."""
    module = sys.modules.get("dbt.adapters.duckdb.connections")
    if module is not None and module.DuckDBConnectionManager._ENV is not None:
        module.DuckDBConnectionManager._ENV.close()
        module.DuckDBConnectionManager.close_all_connections()
        if not went_well:
            # An error can hold a connection in a cycle. Looking for those takes more than half a second.
            gc.collect()


def _progress(on_event: OnEvent | None) -> list[Callable[[Any], None]]:
    if on_event is None:
        return []
    done, total = 0, None

    def listen(event: Any) -> None:
        nonlocal done, total
        total = getattr(event.data, "total", None) or total
        # dbt's total leaves out what is only ever a part of other models.
        if event.info.name == "NodeFinished" and event.data.node_info.materialized != "ephemeral":
            done += 1
            on_event(done, total, event.data.node_info.node_name)

    return [listen]


def _node_result(result: Any, engine: str) -> NodeResult:
    node, status = result.node, str(result.status)
    said = "" if status in ("success", "pass") else (result.message or "").strip()
    message = said and told(said, ENGINES[engine].language, _sql_of(node))
    if status in ("fail", "warn"):
        message = count(result.failures, "row") if result.failures else "failed"
    own = body(said, ENGINES[engine].language)
    return NodeResult(
        unique_id=node.unique_id,
        name=node.name,
        kind=str(node.resource_type),
        status=status.replace("runtime error", "error"),
        message=message,
        seconds=round(result.execution_time or 0.0, 3),
        about=tuple(node.depends_on_nodes),
        of_database=own if ENGINES[engine].about_itself.match(own) else "",
        free_text=said if is_debugging() else "",
    )


def _sql_of(node: Any) -> str:
    """What of a node people wrote, and may be shown: its SQL, its own name and its columns'."""
    named = (
        getattr(node, "schema", ""),
        getattr(node, "identifier", node.name),
        *getattr(node, "columns", ()),
    )
    return " ".join(
        [getattr(node, "compiled_code", None) or "", getattr(node, "raw_code", None) or "", *map(str, named)]
    )


def not_begun(error: BaseException, engine: str, select: str) -> LeadloopError:
    """What dbt ended with before it made anything. All files were read by then, so what it says may come from the warehouse."""
    if isinstance(error, LeadloopError):
        return error
    what = told(str(error), ENGINES[engine].language, select)
    where = f" ({type(error).__name__} at {place_of(error)})" if what == UNKNOWN else ""
    return with_free_text(BuildError(f"dbt could not begin to build: {what}{where}.", _ADVICE), [str(error)])


def explained(error: BaseException | None) -> LeadloopError:
    """A ``ModelError`` for what is wrong with a project's files, in one paragraph."""
    text = str(error) if error is not None else "dbt did not say why"
    if yaml := _YAML.search(text):
        parts = [line.strip() for line in yaml["said"].splitlines() if "<unicode string>" not in line]
        where = re.findall(r"line (\d+), column", yaml["said"])
        near = f" near line {where[-1]}" if where else ""
        return ModelError(
            f"The dbt project can't be read: {yaml['file']} is no valid YAML{near}: {', '.join(parts)}."
        )
    lines: list[str] = []
    for line in text.strip().splitlines():
        if line.strip().startswith(("> in macro", "> called by")):
            break
        lines.append(line.strip())
    said = " ".join(line for line in lines if line)
    return ModelError(f"The dbt project can't be read: {said}")


def summary(failed: Sequence[NodeResult], skipped: int) -> BuildError:
    """One message for everything that went wrong in a build; names at most five."""
    kinds = {"unit_test": "unit test"}
    named = [
        f"{kinds.get(node.kind, node.kind)} {node.name}" + (f" ({node.message})" if node.message else "")
        for node in failed[:5]
    ]
    more = f"; and {len(failed) - 5} more" if len(failed) > 5 else ""
    left = f". {skipped} that stand on them were not made or tested" if skipped else ""
    advice = _ADVICE if any(node.status == "error" for node in failed) else ""
    error = BuildError(f"dbt: {'; '.join(named)}{more}{left}.", advice)
    return with_free_text(error, [node.free_text for node in failed if node.free_text])
