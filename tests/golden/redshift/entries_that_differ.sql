select
        lead_id,
        cast('email' as varchar(65535)) as field,
        cast(shown_before[0] as varchar(65535)) as old_value,
        cast(shown_after[0] as varchar(65535)) as new_value
    from pairs
    where (decode(cast(shown_before[0] as varchar(65535)) || '.', cast(shown_after[0] as varchar(65535)) || '.', 0, 1) = 1)
    union all
    select
        lead_id,
        cast('it''s' as varchar(65535)) as field,
        cast(shown_before[1] as varchar(65535)) as old_value,
        cast(shown_after[1] as varchar(65535)) as new_value
    from pairs
    where (decode(cast(shown_before[1] as varchar(65535)) || '.', cast(shown_after[1] as varchar(65535)) || '.', 0, 1) = 1)
