"""Where data comes from and where it goes, as OpenLineage events: CRM, raw tables, models, pushes, and the CRM again.

Nothing below this is imported unless ``lineage.url`` or OpenLineage's own variables ask for it.
"""
