"""The dbt package for warehouses that are services, on what stands for them on this machine."""
