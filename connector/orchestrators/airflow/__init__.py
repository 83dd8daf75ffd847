"""leadloop in Airflow 3: a connection, operators and assets. Needs ``leadloop[airflow]``, or leadloop in an environment of its own."""

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """What Airflow asks every distribution with the entry point ``apache_airflow_provider``. It is asked in each of its processes, so
    nothing is imported for it."""
    here = "connector.orchestrators.airflow"
    return {
        "package-name": "leadloop",
        "name": "leadloop",
        "description": "Reads a CRM's leads into a warehouse, and sends exactly the changed fields back.",
        "integrations": [{"integration-name": "leadloop", "tags": ["service"]}],
        "operators": [{"integration-name": "leadloop", "python-modules": [f"{here}.operators"]}],
        "hooks": [{"integration-name": "leadloop", "python-modules": [f"{here}.hook"]}],
        "connection-types": [
            {
                "connection-type": "leadloop",
                "hook-class-name": f"{here}.hook.LeadloopHook",
                "hook-name": "leadloop",
                "ui-field-behaviour": {
                    "hidden-fields": ["host", "schema", "login", "port", "extra"],
                    "relabeling": {"password": "Secret settings"},
                    "placeholders": {"password": '{"CRM__NAME__AUTH_TOKEN": "…"}'},
                },
                "conn-fields": FIELDS,
            }
        ],
    }


FIELDS: dict[str, dict[str, Any]] = {
    "folder": {
        "label": "Folder",
        "description": "Where leadloop works: what leadloop -C would be given.",
        "schema": {"type": ["string", "null"]},
    },
    "command": {
        "label": "Command",
        "description": "What starts leadloop, such as /srv/leads/.venv/bin/leadloop. Default: the one installed beside Airflow.",
        "schema": {"type": ["string", "null"]},
    },
    "environment": {
        "label": "Settings",
        "description": 'Settings as variables, as one JSON object: {"LEADLOOP_ENV": "prod"}.',
        "schema": {"type": ["string", "null"]},
    },
    "wait": {
        "label": "Wait",
        "description": "Seconds to wait for another run's lock before the task gives up its place.",
        "schema": {"type": ["integer", "null"], "default": 60},
    },
}
"""The form's own fields, which Airflow keeps in the connection's extra."""
