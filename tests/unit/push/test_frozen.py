"""The memory in which the plans of a process are kept."""

import subprocess
import sys

# In a process of its own: whoever forgets the memory that is there forgets the plans in it.
TOGETHER = """
import threading
from connector.warehouse import duckdb as engine

for _ in range(20):
    engine._begun_memory.cache_clear()
    together, found = threading.Barrier(8), []

    def first():
        together.wait()
        found.append(engine._memory())

    threads = [threading.Thread(target=first) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(len(found), len(set(map(id, found))))
"""


def test_threads_that_come_first_share_one_memory() -> None:
    """The page makes plans in several threads: none may lose its plan because another thread has begun as well."""
    done = subprocess.run([sys.executable, "-c", TOGETHER], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["8 1"] * 20 + [""]
