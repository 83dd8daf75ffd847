select (select case
        when given.v is null then null
        when left(_told, 1) in ('"', '\'') then format('%t', given.v)
        when (
            _told like 'NUMERIC %'
            or _told like 'BIGNUMERIC %'
            or _told like 'CAST(%'
            or regexp_contains(_told, r'^-?[0-9]+([.][0-9]+)?(e[-+]?[0-9]+)?$') and regexp_contains(_told, r'[.e]')
        ) then (select case
        when _number = 'nan' then 'NaN'
        when _number in ('inf', '+inf') then 'Infinity'
        when _number = '-inf' then '-Infinity'
        when _number like '%e-%' or abs(safe_cast(_number as float64)) >= 1e38 then _number
        when strpos(cast(safe_cast(_number as bignumeric) as string), '.') > 0 then rtrim(rtrim(cast(safe_cast(_number as bignumeric) as string), '0'), '.')
        else cast(safe_cast(_number as bignumeric) as string)
    end from unnest([lower(format('%t', given.v))]) as _number)
        when _told like 'TIMESTAMP %' or _told like 'DATETIME %' then regexp_replace(replace(replace(trim(to_json_string(given.v), '"'), 'T', ' '), 'Z', '+00'), r'([.][0-9]*[1-9])0+([+]00)?$|[.]0+([+]00)?$', r'\1\2\3')
        when left(_told, 1) in ('[', '(') or _told like 'STRUCT(%' then to_json_string(given.v)
        else format('%t', given.v)
    end from unnest([format('%T', given.v)]) as _told) as told from given
