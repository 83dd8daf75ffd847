"""Which account of a CRM the settings lead to, told without its token."""

import hashlib
from dataclasses import MISSING, dataclass, fields
from urllib.parse import urlsplit

from connector.config import VendorSettings


@dataclass(frozen=True, slots=True)
class Identity:
    """``host``: of the CRM's API, with its port; ``digest``: 12 hex digits, another one for another token."""

    host: str
    digest: str


def identity_of(settings: VendorSettings) -> Identity:
    """The account that these settings lead to. The accounts of a CRM share its host: their tokens differ, or the path."""
    host = urlsplit(settings.base_url).netloc.rpartition("@")[2]
    digest = hashlib.sha256(f"leadloop account\0{settings.vendor}\0{host}".encode())
    for each in fields(settings):
        if each.metadata.get("secret") and each.default is MISSING:
            digest.update(f"\0{each.name}\0{getattr(settings, each.name).reveal()}".encode())
        if each.name == "leads_path":
            digest.update(f"\0{each.name}\0{getattr(settings, each.name)}".encode())
    return Identity(host, digest.hexdigest()[:12])
