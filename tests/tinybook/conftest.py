"""Tinybook is a distribution of its own; the contract takes it from here, and the proof installs it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
