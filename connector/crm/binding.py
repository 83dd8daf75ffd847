"""Which host a CRM's credentials belong to: the first one that took them.

A folder from somebody else may hold a ``.dlt/config.toml`` with an address of its own, while the token comes from the
environment. So the host is noted once it has answered well, and the token goes to no other one until a person deletes the
note. What is noted outlives the run: a file per secret, named by a slow hash of it, that only its owner can read.

A host on this machine, such as the sandbox, is never noted, since its port changes from start to start.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from urllib.parse import urlsplit

from connector.config import VendorSettings, named
from connector.errors import ConfigError
from connector.parsing import Secret, is_loopback


def check_host(settings: VendorSettings) -> None:
    """``ConfigError`` where a secret of these settings is known for another host than ``base_url`` names."""
    folder = _folder()
    if folder is None or not folder.is_dir():
        return
    host = _host(settings)
    for name, note in _notes(settings, folder):
        try:
            known = note.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            continue
        except (OSError, UnicodeError):
            raise ConfigError(f"{note} can't be read.", f"It says to which host {name} belongs.") from None
        if known != host:
            raise ConfigError(
                f"{named(f'crm.{settings.name}.base_url')} names {host}, and {name} has been used with {known} so far. "
                "Nothing was sent.",
                f"Does a .dlt/config.toml in this folder set the address? If {host} is right, delete {note}.",
            )


def note_host(settings: VendorSettings) -> None:
    """Notes that the host took the secrets, where nothing is noted yet. A home that can't be written to keeps no note."""
    host, folder = _host(settings), _folder()
    if folder is None or is_loopback(urlsplit(settings.base_url).hostname or ""):
        return
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _, note in _notes(settings, folder):
            with (
                contextlib.suppress(FileExistsError),
                open(note, "x", encoding="utf-8", opener=_private) as file,
            ):
                file.write(host + "\n")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _host(settings: VendorSettings) -> str:
    url = urlsplit(settings.base_url)
    return f"{(url.hostname or '').lower().rstrip('.')}:{url.port or (443 if url.scheme == 'https' else 80)}"


def _notes(settings: VendorSettings, folder: Path) -> Iterator[tuple[str, Path]]:
    """(setting, its note) of each secret that the CRM is told; others, such as the salt, have a default."""
    for spec in fields(settings):
        secret = getattr(settings, spec.name)
        if spec.metadata["secret"] and spec.default is MISSING and isinstance(secret, Secret):
            salt = f"leadloop {settings.vendor}.{spec.name}".encode()
            digest = hashlib.scrypt(
                secret.reveal().encode(errors="surrogatepass"), salt=salt, n=2**14, r=8, p=1, dklen=16
            )
            yield f"crm.{settings.name}.{spec.name}", folder / digest.hex()


def _folder() -> Path | None:
    """Where the notes are; ``None`` for a user without a home."""
    state = os.environ.get("XDG_STATE_HOME", "")
    with contextlib.suppress(RuntimeError):
        return (
            (Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state") / "leadloop" / "hosts"
        )
    return None
