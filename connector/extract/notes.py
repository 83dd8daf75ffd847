"""What a run has to say of single leads and fields: each kind of thing once."""

import logging
import threading
from collections.abc import Hashable

_LOG = logging.getLogger("leadloop")


class Notes:
    """Sentences for people, in the order in which they came up. Safe to use from several threads."""

    def __init__(self) -> None:
        self._texts: dict[Hashable, str] = {}
        self._logged = 0
        self._lock = threading.Lock()

    def say(self, about: Hashable, text: str) -> None:
        """The first text about a thing is kept, later ones are not. No text holds a value of a lead."""
        with self._lock:
            self._texts.setdefault(about, text)

    @property
    def texts(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(self._texts.values())

    def log(self) -> None:
        """Says what is new as warnings of the logger ``leadloop``: for pipelines in which nobody else asks for ``texts``."""
        texts = self.texts
        for text in texts[self._logged :]:
            _LOG.warning(text)
        self._logged = len(texts)
