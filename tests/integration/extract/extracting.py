"""Run by test_killing.py as a process of its own: one extraction in small chunks, to be killed at any time.

Arguments: the warehouse's URL, the CRM's address, a folder that outlives the process, leads per page, rows per package.
"""

import sys
from contextlib import closing
from typing import Any

import dlt
from sqlalchemy.engine import make_url

from connector import crm
from connector.crm.convoso import ConvosoReader
from connector.extract.job import job
from connector.extract.load import load
from connector.warehouse.connection import Warehouse
from connector.warehouse.pipelines import AccountTables


def main() -> None:
    url, address, folder, page_size, chunk_rows = sys.argv[1:]
    settings: Any = crm.vendor("convoso").settings(
        base_url=address,
        auth_token="sandbox-token",
        timezone="America/Los_Angeles",
        rate=1000,
        settle=0,
        removals=False,
        page_size=int(page_size),
    )
    kind: Any = url.partition(":")[0].partition("+")[0].replace("postgresql", "postgres")
    warehouse = Warehouse(kind, make_url(url))
    pipeline = dlt.pipeline(
        "convoso",
        destination=warehouse.destination(),
        dataset_name="convoso_raw",
        pipelines_dir=folder,
    )
    with closing(ConvosoReader(settings)) as reader:
        tables = AccountTables(warehouse, "convoso", "convoso_raw", lambda: pipeline)
        load(tables, settings, job(settings, reader=reader), chunk_rows=int(chunk_rows))


main()
