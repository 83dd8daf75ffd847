select
        lead_id,
        'email' as field,
        cast(shown_before[0] as varchar) as old_value,
        cast(shown_after[0] as varchar) as new_value
    from pairs
    where cast(shown_before[0] as varchar) is distinct from cast(shown_after[0] as varchar)
    union all
    select
        lead_id,
        'it''s' as field,
        cast(shown_before[1] as varchar) as old_value,
        cast(shown_after[1] as varchar) as new_value
    from pairs
    where cast(shown_before[1] as varchar) is distinct from cast(shown_after[1] as varchar)
