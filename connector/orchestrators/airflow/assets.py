"""The assets that the operators update, for the schedules and inlets of your own DAGs."""

from airflow.sdk import Asset

DEFAULT = "leadloop_default"


def read_asset(crm: str, conn_id: str = DEFAULT) -> Asset:
    """What was read of a CRM."""
    return Asset(f"leadloop://{conn_id}/read/{crm}")


def built_asset(conn_id: str = DEFAULT) -> Asset:
    """The dbt models."""
    return Asset(f"leadloop://{conn_id}/built")


def sent_asset(push: str, conn_id: str = DEFAULT) -> Asset:
    """What a push has set in its CRM."""
    return Asset(f"leadloop://{conn_id}/sent/{push}")
