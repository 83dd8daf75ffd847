"""A leadloop project as an Airflow connection."""

import json
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from connector.orchestrators.command import Leadloop


class LeadloopHook(BaseHook):
    """The command, as the connection says to start it: ``folder``, ``command``, ``environment`` and ``wait`` are in its extra, secret settings
    are in its password, as a JSON object of variables."""

    conn_name_attr = "leadloop_conn_id"
    default_conn_name = "leadloop_default"
    conn_type = "leadloop"
    hook_name = "leadloop"

    def __init__(self, leadloop_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.leadloop_conn_id = leadloop_conn_id

    def get_conn(self) -> Leadloop:
        """Raises ValueError where the connection can't be one of a leadloop project. Airflow's log shows stars for its secrets."""
        found = self.get_connection(self.leadloop_conn_id)
        extra = found.extra_dejson
        if not extra.get("folder"):
            raise ValueError(
                f"connection {self.leadloop_conn_id!r} names no folder: set where leadloop works"
            )
        secrets = self._variables("the secret settings", found.password)
        for each in secrets.values():
            mask_secret(each)
        settings = self._variables("the settings", extra.get("environment"))
        return Leadloop(
            folder=str(extra["folder"]),
            environment={**settings, **secrets},
            wait=float(60 if extra.get("wait") is None else extra["wait"]),
            command=str(extra.get("command") or ""),
        )

    def test_connection(self) -> tuple[bool, str]:
        """What the button *Test* does: ``leadloop check``, on the machine of Airflow's API server."""
        try:
            ended = self.get_conn().run("check")
        except ValueError as error:
            return False, str(error)
        if ended.document is None:
            return False, ended.why
        wrong = [f"{each['name']}: {each['message']}" for each in ended.document["checks"] if not each["ok"]]
        return ended.document["ok"], "; ".join(wrong) or "Everything that leadloop checks is fine."

    def _variables(self, which: str, given: Any) -> dict[str, str]:
        try:
            found = json.loads(given) if isinstance(given, str) and given.strip() else given or {}
            return {str(name): str(value) for name, value in found.items()}
        except (ValueError, AttributeError):
            # Nothing of what was given is repeated: it may be a token.
            raise ValueError(
                f"{which} of connection {self.leadloop_conn_id!r} are no JSON object of variables, such as "
                '{"LEADLOOP_ENV": "prod"}'
            ) from None
