"""leadloop in Dagster: a component that makes assets of what is read, built and pushed. Needs ``leadloop[dagster]``."""

from connector.orchestrators.dagster.component import LeadloopComponent
from connector.orchestrators.dagster.resource import LeadloopResource

__all__ = ["LeadloopComponent", "LeadloopResource"]
