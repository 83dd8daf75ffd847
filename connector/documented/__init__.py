"""What vendors document of their APIs, as data: read by the client of a CRM and by the sandbox's imitation of it."""
