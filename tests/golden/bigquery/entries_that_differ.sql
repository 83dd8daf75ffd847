select
        pairs.lead_id,
        field,
        pairs.shown_before[safe_offset(place)] as old_value,
        pairs.shown_after[safe_offset(place)] as new_value
    from pairs
    cross join unnest(['email', 'it\'s']) as field with offset as place
    where pairs.shown_before[safe_offset(place)] is distinct from pairs.shown_after[safe_offset(place)]
