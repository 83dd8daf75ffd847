select
        lead_id,
        'title' as field,
        shown_1 as old_value,
        desired_1 as new_value
    from pairs
    where (decode(shown_1 || '.', desired_1 || '.', 0, 1) = 1)
    union all
    select
        lead_id,
        'it''s' as field,
        shown_2 as old_value,
        desired_2 as new_value
    from pairs
    where (decode(shown_2 || '.', desired_2 || '.', 0, 1) = 1)
