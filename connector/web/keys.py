"""Names of leads in addresses: they say nothing about the lead, and only the machine that made them can read them.

An address is in the browser's history, in logs and in other people's chats. So a lead is reached by its CRM and id, encrypted with a key
of this project's: the same lead has the same address every time. The construction is that of RFC 5297 (SIV) with HMAC-SHA-256 in both
places: the tag is made of what is encrypted, and is where the key stream begins.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

from connector.warehouse import private

FILE = Path(".leadloop") / "serve.key"
_BYTES = 32
_TAG = 12


def secret_of(file: Path = FILE) -> bytes:
    """The key of this project, made when it is first needed; one of this process's where no file can be written."""
    with suppress(OSError):
        found = file.read_bytes()
        if len(found) == _BYTES:
            return found
    made = secrets.token_bytes(_BYTES)
    with suppress(OSError), private.new_files():
        private.folder(file.parent)
        new = file.with_name(f"{file.name}.{os.getpid()}")
        new.write_bytes(made)
        new.replace(file)
    return made


class Keys:
    """Encrypts and decrypts what stands for a lead in an address."""

    def __init__(self, secret: bytes) -> None:
        self._of_tags = hashlib.sha256(b"tags" + secret).digest()
        self._of_streams = hashlib.sha256(b"streams" + secret).digest()
        self._of_forms = hashlib.sha256(b"forms" + secret).digest()
        self._of_cookies = hashlib.sha256(b"cookies" + secret).digest()

    def lead(self, crm: str, lead_id: str) -> str:
        """What stands for this lead."""
        return self.sealed("lead", crm, lead_id)

    def read_lead(self, key: str) -> tuple[str, str] | None:
        """(CRM, lead id) of what ``lead`` made; ``None`` for anything else."""
        found = self.opened(key)
        return (found[1], found[2]) if found is not None and len(found) == 3 and found[0] == "lead" else None

    def sealed(self, *texts: str) -> str:
        """Texts as one that says nothing about them."""
        text = json.dumps(texts).encode()
        tag = self._tag(text)
        return base64.urlsafe_b64encode(tag + self._stream(tag, text)).decode().rstrip("=")

    def opened(self, key: str) -> list[str] | None:
        """What ``sealed`` was given; ``None`` for anything else."""
        try:
            whole = base64.urlsafe_b64decode(key.encode("ascii") + b"=" * (-len(key) % 4))
        except ValueError:
            return None
        tag, text = whole[:_TAG], self._stream(whole[:_TAG], whole[_TAG:])
        if not hmac.compare_digest(tag, self._tag(text)):
            return None
        found: list[str] = json.loads(text)
        return found

    @property
    def form(self) -> str:
        """What every form of these pages carries, and no other site knows."""
        return self._of_forms.hex()

    def cookie(self, token: str) -> str:
        """What a browser is given that has said the token once."""
        return hmac.new(self._of_cookies, token.encode(), hashlib.sha256).hexdigest()

    def _tag(self, text: bytes) -> bytes:
        return hmac.new(self._of_tags, text, hashlib.sha256).digest()[:_TAG]

    def _stream(self, tag: bytes, text: bytes) -> bytes:
        stream = b""
        while len(stream) < len(text):
            stream += hmac.new(
                self._of_streams, tag + len(stream).to_bytes(4, "big"), hashlib.sha256
            ).digest()
        return bytes(one ^ other for one, other in zip(text, stream, strict=False))
