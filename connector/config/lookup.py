"""A value, by the name of its setting, as dlt finds it: the environment, the files of ``--env`` (see ``environments``),
``.dlt/secrets.toml``, ``.dlt/config.toml``, then any vault that dlt knows; and where it was found.

dlt reads its files when a setting is first looked up, relative to the folder the process is in at that moment.
"""

import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connector import parsing
from connector.config import environments, plain
from connector.errors import ConfigError
from connector.parsing import Parser, WrongValueError, did_you_mean


def named(setting: str) -> str:
    """A setting's name in both spellings, as every message shows it."""
    return f"{setting} (environment: {env_name(setting)})"


def env_name(setting: str) -> str:
    return setting.upper().replace(".", "__")


def origin(setting: str, *, secret: bool = False) -> str | None:
    """Where a value is from, for people: the environment's variable, a file's path, a vault's name; of a table all of them."""
    places = [env_name(setting) + "__*"] if _entries(setting) else []
    for provider, found in found_at(setting, secret=secret):
        file = _file_of(provider, setting)
        places.append(env_name(setting) if _is_environment(provider) else str(file or provider.name))
        if not isinstance(found, Mapping) or not setting.startswith("destination."):
            break  # only an address may be spread
    return ", ".join(places) or None


def anchored(setting: str, path: str) -> Path:
    """A path as a setting names it: a relative one is meant from the folder whose ``.dlt`` holds the setting, and from the
    folder that the process is in where the environment does."""
    return (_folder(setting) or Path()) / Path(path).expanduser()


def _folder(setting: str) -> Path | None:
    """The folder whose ``.dlt`` has the file that a setting is from; ``None`` where no file is."""
    for provider, _ in found_at(setting):
        file = _file_of(provider, setting)
        return file.parent.parent if file else None
    return None


def _file_of(provider: Any, setting: str) -> Path | None:
    """The settings file of the project or of the user that has this setting; ``None`` for what is no file of dlt's."""
    if not _is_file(provider):
        return None
    *sections, key = setting.split(".")
    files = [Path(each).absolute() for each in provider.locations]
    if not files:
        return None
    of_user = provider.get_value_location(key, "", *sections).startswith("global:")
    return files[-1] if of_user else files[0]


def value(setting: str, *, secret: bool = False) -> Any:
    """One raw value as dlt finds it, ``None`` where it is not set or an empty text."""
    return next((found for _, found in found_at(setting, secret=secret)), None)


def found_at(setting: str, *, secret: bool = False) -> Iterator[tuple[Any, Any]]:
    """(dlt's provider, value) of every place that has a value, the one that wins first."""
    ready = providers_ready()
    hint = None if plain.known() else _hint(secret=secret)
    *sections, key = setting.split(".")
    for provider in ready:
        if secret and not provider.supports_secrets:
            continue
        found, _ = provider.get_value(key, hint, None, *sections)
        if found is not None and (not isinstance(found, str) or found.strip()):
            yield provider, found


def _hint(*, secret: bool) -> Any:
    import dlt

    return (dlt.secrets if secret else dlt.config).default_type


def _is_file(provider: Any) -> bool:
    """Whether it is a settings file of the project's or the user's."""
    if "dlt" not in sys.modules or isinstance(provider, (plain.SettingsFile, plain.Variables)):
        return isinstance(provider, plain.SettingsFile)
    from dlt.common.configuration.providers.toml import SettingsTomlProvider

    return isinstance(provider, SettingsTomlProvider)


def _is_environment(provider: Any) -> bool:
    if "dlt" not in sys.modules or isinstance(provider, (plain.SettingsFile, plain.Variables)):
        return isinstance(provider, plain.Variables)
    from dlt.common.configuration.providers import EnvironProvider

    return isinstance(provider, EnvironProvider)


def reload() -> None:
    """Reads the files again: for a process that changed its folder or wrote its settings."""
    plain.forget()
    if plain.known():
        return
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

    with _readable_files():
        Container()[PluggableRunContext].reload_providers()


def merged(name: str, text_entry: str | None = None, as_table: Parser = parsing.table) -> Any:
    """A setting that may be a table: environment names below it are its entries, and win. ``as_table`` reads one from a text.

    With ``text_entry`` it may be spread over all places; a text that is no table ends it there, as that entry of the table.
    """
    table = _entries(name)
    for _, each in found_at(name):
        found = each
        if isinstance(found, str):
            if not found.lstrip().startswith("{"):
                return {text_entry: found, **table} if table and text_entry else found
            found = parsed(name, as_table, found)
        if not isinstance(found, Mapping):
            return found
        table = {**found, **table}
        if text_entry is None:
            break
    return table or None


def _entries(name: str) -> dict[str, Any]:
    below = env_name(name) + "__"
    return {
        key[len(below) :].lower(): text for key, text in os.environ.items() if key.startswith(below) and text
    }


def parsed(name: str, parse: Parser, raw: Any) -> Any:
    try:
        return parse(raw)
    except WrongValueError as wrong:
        text = str(wrong)
    # Raised outside of the handler: a chained exception could show what was set.
    raise ConfigError(f"{named(name)} {text}{'' if text.endswith('?') else '.'}")


def refuse_unknown_in(section: str, above: tuple[str, ...], known: list[str]) -> None:
    names: list[str] = []
    for whole in tables_set(section):
        table: Any = whole
        for name in above:
            table = table.get(name) if isinstance(table, Mapping) else None
        names += table if isinstance(table, Mapping) else ()
    place = len(above)
    names += [path[place] for path in variables_set(section) if path[:place] == above and len(path) > place]
    for name in names:
        if name not in known:
            full = named(".".join((section, *above, name)))
            raise ConfigError(f"{full} is no setting of leadloop{did_you_mean(name, known) or '.'}")


def tables_set(section: str) -> Iterator[Mapping[str, Any]]:
    """The tables of this name in the files; vaults can't be listed."""
    for provider in providers_ready():
        if _is_file(provider):
            found, _ = provider.get_value(section, Any, "")
            if found is not None and not isinstance(found, Mapping):
                raise ConfigError(f"{section} must be a table, [{section}], and is a single value.")
            yield found or {}


def variables_set(section: str) -> Iterator[tuple[str, ...]]:
    """What the environment has below it: ``CRM__CONVOSO__RATE`` is ``("convoso", "rate")``."""
    for key in sorted(os.environ):
        first, *rest = key.split("__")
        if first == section.upper() and rest:
            yield tuple(name.lower() for name in rest)


@contextmanager
def variables(given: Mapping[str, str]) -> Iterator[None]:
    """These variables of the environment for a while; afterwards it is as it was."""
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def providers_ready() -> list[Any]:
    """Where settings are, the one that wins first, with the files read or a ``ConfigError`` about them."""
    with _readable_files():
        return environments.providers()


class _readable_files:  # noqa: N801 - reads as a statement: with _readable_files()
    """Turns dlt's error about a file it can't read into a ``ConfigError`` with file and line."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, (tomllib.TOMLDecodeError, UnicodeDecodeError)):
            # Of a file of an environment, read without dlt.
            raise ConfigError(_toml_problem(sorted(Path(plain.FOLDER).glob("*.toml")))) from None
        if error is None or "dlt" not in sys.modules:
            return
        from dlt.common.configuration.providers.toml import TomlProviderReadException

        if isinstance(error, TomlProviderReadException):
            raise ConfigError(_toml_problem([Path(path) for path in error.full_paths])) from None


def _toml_problem(paths: list[Path]) -> str:
    for path in paths:
        if not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
            tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            return f"{path} is not valid TOML: {_with_line(str(error), text)}."
        except UnicodeDecodeError:
            return f"{path} is not UTF-8 text."
        except OSError as error:
            return f"{path} can't be read: {error.strerror}."
    return f"{' or '.join(map(str, paths))} can't be read by dlt, though it is valid TOML."


def _with_line(message: str, text: str) -> str:
    """The message with a line. For a quote that is never closed only dlt's own parser knows where it was opened."""
    import tomlkit
    from tomlkit.exceptions import ParseError

    if "at line" in message:
        return message
    try:
        tomlkit.parse(text)
    except ParseError as error:
        return f"{message.replace(' (at end of document)', '')} (at line {error.line})"
    return message
