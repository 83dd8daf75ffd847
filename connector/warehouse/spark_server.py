"""The Spark Connect server that the settings name: its address, and the token that it asks for, which is in no text that is shown."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from connector.errors import ConfigError

SCHEME = "sc://"
PARAMETER = "token"
PORT = 15002
"""Of a Spark Connect server whose address names none."""


@dataclass(frozen=True, slots=True)
class Server:
    """``address``: ``sc://host:port``, maybe with ``/;name=value`` and more of them; blank for Sail in this process."""

    address: str = ""
    token: str = field(default="", repr=False)

    @classmethod
    def of(cls, text: str, token: Any, setting: str) -> "Server":
        """What the settings say. ``text``: an address that may have the token in it; ``setting``: the one that it is from.
        ``ConfigError`` where it is no such address. No message quotes it."""
        place, _, parameters = text.partition(";")
        others, found = [], [token] if token else []
        for part in filter(None, parameters.split(";")):
            name, equals, value = part.partition("=")
            if not name or not equals:
                raise _wrong(setting)
            if name == PARAMETER:
                found.append(unquote(value))
            else:
                others.append(part)
        if len(found) > 1:
            raise ConfigError(f"{setting} has a token, and there is one beside it.", "Leave one of them out.")
        if found and not (isinstance(found[0], str) and found[0].isascii() and found[0].isprintable()):
            raise ConfigError(f"The token beside {setting} must be a text of ASCII characters.")
        try:
            parts = urlsplit(place)
            is_right = parts.hostname and not parts.username and parts.port != 0
        except ValueError:
            is_right = False
        if not is_right or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise _wrong(setting)
        address = place.rstrip("/") + (f"/;{';'.join(others)}" if others else "")
        return cls(address, found[0] if found else "")

    def __str__(self) -> str:
        """Host and port, for people."""
        return self.address.partition(";")[0].rstrip("/")

    def __bool__(self) -> bool:
        return bool(self.address)

    @property
    def host(self) -> str:
        return urlsplit(str(self)).hostname or "localhost"

    @property
    def port(self) -> int:
        return urlsplit(str(self)).port or PORT

    def channel_builder(self) -> Any:
        """What Spark's client makes connections with. A token goes to ``localhost`` as it is, and to any other host by TLS alone."""
        from pyspark.sql.connect.client import DefaultChannelBuilder

        found = DefaultChannelBuilder(self.address)
        if self.token:
            found.set(PARAMETER, self.token)
        return found


def _wrong(setting: str) -> ConfigError:
    return ConfigError(
        f"{setting} is no address of a Spark Connect server.",
        "It is like sc://host:15002, or sc://host:443/;use_ssl=true; the token stands beside it, in secrets.toml.",
    )
