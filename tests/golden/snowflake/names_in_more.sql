select
        crm, lead_id,
        named.key as field
    from pairs, lateral flatten(input => try_parse_json(v)) as named
