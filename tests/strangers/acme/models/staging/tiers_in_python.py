from typing import Any


def model(dbt: Any, session: Any) -> Any:
    dbt.config(materialized="table")
    return dbt.ref("tiers").filter("tier = 1")
