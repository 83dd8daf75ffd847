select
        lead_id,
        'title' as field,
        shown_1 as old_value,
        desired_1 as new_value
    from pairs
    where shown_1 is distinct from desired_1
    union all
    select
        lead_id,
        'it''s' as field,
        shown_2 as old_value,
        desired_2 as new_value
    from pairs
    where shown_2 is distinct from desired_2
