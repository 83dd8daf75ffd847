select
        lead_id,
        cast(null as varchar(65535)) as field,
        cast(null as varchar(65535)) as old_value,
        cast(null as varchar(65535)) as new_value
    from pairs
    where false
