"""Environments, such as ``dev`` and ``prod``: each has settings of its own beside those that all of them share.

The settings of ``prod`` are in ``.dlt/prod.secrets.toml`` and ``.dlt/prod.config.toml``, which go before ``.dlt/secrets.toml``
and ``.dlt/config.toml``; the variables of the environment go before all of them. dlt's own profiles call their files the same.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from connector.config import plain
from connector.errors import ConfigError

VARIABLE = "LEADLOOP_ENV"
"""The variable that names the environment; the option ``--env`` sets it."""
PROD = "prod"
"""The environment whose CRMs no other one pushes to unless its settings say so."""
_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_SEEN_FROM: ContextVar[str | None] = ContextVar("environment", default=None)
_TAKEN = "_leadloop_environment"


def chosen() -> str | None:
    """The environment's name; ``None`` where there is none. ``ConfigError`` for what can't be one."""
    name = os.environ.get(VARIABLE) or None
    if name is not None:
        _check_name(name, f"--env (environment: {VARIABLE})")
    return name


def check(name: str, option: str) -> None:
    """``ConfigError`` for an environment, given by another option, that has no settings of its own."""
    _check_name(name, option)
    _with(name, [], told_by=option)


def _check_name(name: str, told_by: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{told_by} can't be {name!r}: a name has lower-case letters, digits, - and _.",
            "Call it dev or prod, for instance.",
        )


@contextmanager
def seen_from(name: str) -> Iterator[None]:
    """Within it, settings are those of another environment. Those that dlt itself looks up stay as they are."""
    token = _SEEN_FROM.set(name)
    try:
        yield
    finally:
        _SEEN_FROM.reset(token)


def providers() -> list[Any]:
    """Providers of settings as dlt has them, the one that wins first, with the files of the environment among them."""
    container: Any = plain.known()
    if container is None:
        from dlt.common.configuration.container import Container
        from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

        container = Container()[PluggableRunContext].providers
    name = chosen()
    if getattr(container, _TAKEN, None) != name:
        container.providers[:] = _with(name, container.providers, told_by="--env")
        setattr(container, _TAKEN, name)
    other = _SEEN_FROM.get()
    return list(container.providers) if other is None else _with(other, container.providers)


def _with(name: str | None, there: list[Any], *, told_by: str = "") -> list[Any]:
    """These providers with the files of this environment in place of another one's, after the environment's variables.

    ``told_by``: the option that names it, if there have to be such files.
    """
    of_all = [each for each in there if not getattr(each, _TAKEN, False)]
    if name is None:
        return of_all
    folder, file_of = _files_of_dlt() if plain.known() is None else (Path(plain.FOLDER), plain.SettingsFile)
    files = {f"{name}.secrets.toml": True, f"{name}.config.toml": False}
    found = []
    for file, is_secret in files.items():
        if (folder / file).is_file():
            provider = file_of(file, is_secret, str(folder / file))
            setattr(provider, _TAKEN, True)
            found.append(provider)
    if told_by and not found:
        raise ConfigError(
            f"There are no settings for {told_by} {name}: neither {' nor '.join(str(folder / file) for file in files)} is there.",
            "Write what is different in this environment into one of them.",
        )
    return [*of_all[:1], *found, *of_all[1:]]


def _files_of_dlt() -> tuple[Path, Callable[[str, bool, str], Any]]:
    """The folder of the settings, and what makes dlt's provider of a file."""
    import dlt
    from dlt.common.configuration.providers.toml import SettingsTomlProvider

    def provider(name: str, is_secret: bool, path: str) -> Any:
        return SettingsTomlProvider(name, is_secret, name, [str(Path(path).parent)])

    return Path(dlt.current.run_context().settings_dir), provider
