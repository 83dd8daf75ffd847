"""Apache Spark's own Connect server on this machine, from the `pyspark` wheel of an environment that has nothing else: leadloop talks to
it with the client of its own environment, as it would to a server elsewhere.

`REAL_SPARK` names that environment, and `DELTA_JARS` a folder with the jars of Delta Lake, which no wheel has: without them the server
knows no Delta tables. `make test-spark` sets both.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.postgres import free_port

PATIENCE = 180.0
"""Seconds for a server to begin."""
STOPPING = 20.0
"""Seconds for a server to end by itself; then it is killed."""
DIES_WITH_PARENT = 1


def home() -> Path | None:
    """The folder of the wheel; ``None`` where there is none, or no Java."""
    named = os.environ.get("REAL_SPARK", "")
    found = sorted(Path(named).glob("lib/python3*/site-packages/pyspark/bin/spark-submit")) if named else []
    return found[0].parent.parent if found and shutil.which("java") else None


def delta_jars() -> list[Path]:
    """The jars of Delta Lake."""
    named = os.environ.get("DELTA_JARS", "")
    return sorted(Path(named).glob("*.jar")) if named else []


needs_spark = pytest.mark.skipif(
    home() is None, reason="`make test-spark` installs Apache Spark's wheel; it needs Java as well"
)
needs_delta = pytest.mark.skipif(
    home() is None or not delta_jars(),
    reason="DELTA_JARS names no folder with the jars of Delta Lake, or there is no Apache Spark (see tests/README.md)",
)


@contextmanager
def started(folder: Path, *, token: str = "", delta: bool = True) -> Iterator[str]:
    """The address of a server that is stopped afterwards, whatever happens, also when this process is killed. ``folder``: for what it
    writes; ``token``: the one that it asks for."""
    spark = home()
    assert spark is not None
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    conf = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": port,
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.local.dir": folder / "local",
        "spark.sql.shuffle.partitions": 1,
        "spark.sql.warehouse.dir": folder / "warehouse",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    if delta:
        conf |= {
            "spark.jars": ",".join(map(str, delta_jars())),
            "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
            "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
            "spark.databricks.delta.snapshotPartitions": 1,
        }
    if token:
        conf["spark.connect.authenticate.token"] = token
    (server,) = (spark / "jars").glob("spark-connect_*.jar")
    command = [spark / "bin" / "spark-submit", "--master", "local[2]", "--driver-memory", "1g"]
    for name, value in conf.items():
        command += ["--conf", f"{name}={value}"]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", server]
    env = {name: text for name, text in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))}
    log = folder / "server.log"
    with log.open("w") as told:
        process = subprocess.Popen(
            [str(each) for each in command],
            cwd=folder,
            env={**env, "SPARK_HOME": str(spark)},
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=told,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
    try:
        _wait_for(process, port, log)
        yield f"sc://localhost:{port}"
    finally:
        _stop(process)


def _die_with_parent() -> None:
    """spark-submit becomes the server itself, so this holds for it."""
    ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGKILL)


def _wait_for(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()[-4000:]
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.2)
    raise AssertionError(f"no server after {PATIENCE:.0f} seconds: {log.read_text()[-4000:]}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    for which in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, which)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOPPING)
            return


def emptied(address: str) -> None:
    """Drops all schemas that tests have made there."""
    from pyspark.sql.connect.session import SparkSession

    session = SparkSession.builder.remote(address).create()
    try:
        for (schema,) in session.sql("show schemas").collect():
            if schema != "default":
                session.sql(f"drop schema `{schema}` cascade").collect()
    finally:
        session.stop()
