select
        crm, lead_id,
        field
    from pairs
    cross join unnest(json_keys(safe.parse_json(v), 1)) as field
