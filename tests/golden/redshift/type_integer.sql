select case
        when v ~ '^[-+]?[0-9]{1,18}([.]0*)?$' then try_cast(nullif(ltrim(split_part(v, '.', 1), '+'), '') as bigint)
    end as told from given
