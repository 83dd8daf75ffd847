select
        pairs.lead_id,
        compared.field,
        compared.old_value,
        compared.new_value
    from pairs
    cross join unnest([
        struct('title' as field, shown_1 as old_value, desired_1 as new_value),
        struct('it\'s' as field, shown_2 as old_value, desired_2 as new_value)
    ]) as compared
    where compared.old_value is distinct from compared.new_value
