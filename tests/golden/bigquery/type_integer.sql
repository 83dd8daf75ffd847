select case
        when regexp_contains(v, r'^[-+]?[0-9]{1,18}([.]0*)?$') then safe_cast(ltrim(split(v, '.')[safe_offset(0)], '+') as int64)
    end as told from given
