select (select case
        when given.v is null or left(_told, 1) in ('"', '\'') then null
        when _told like 'CAST(%' then 'FLOAT64 ' || format('%t', given.v)
        when _told like '[%' then 'ARRAY[]'
        when _told like '(%' or _told like 'STRUCT(%' then 'STRUCT'
        when _told like 'b"%' or _told like 'b\'%' then 'BYTES'
        when regexp_contains(_told, r'^JSON .[\[{]') then 'JSON'
        when regexp_contains(_told, r'^(INTERVAL|RANGE|ST_)') then split(_told, ' ')[safe_offset(0)]
    end from unnest([format('%T', given.v)]) as _told) as told from given
