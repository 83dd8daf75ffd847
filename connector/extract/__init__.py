"""CRM -> raw tables: windows, their complete reading, and the dlt source that loads them."""
