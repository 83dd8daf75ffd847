select case
        when (
        system$typeof(given.v) like 'FLOAT%'
        or (system$typeof(given.v) like 'NUMBER(%' and system$typeof(given.v) not like 'NUMBER(%,0)%')
    ) then case
        when regexp_instr(cast(given.v as varchar), '^-?[0-9]([.][0-9]+)?e[+]?([012]?[0-9]|3[0-7])$') > 0 then coalesce(cast(try_cast(cast(given.v as varchar) as number(38, 0)) as varchar), cast(given.v as varchar))
        when cast(given.v as varchar) not like '%e%' and cast(given.v as varchar) like '%.%'
            then case rtrim(rtrim(cast(given.v as varchar), '0'), '.')
                when '-0' then '0'
                when '' then '0'
                else rtrim(rtrim(cast(given.v as varchar), '0'), '.')
            end
        when cast(given.v as varchar) = '-0' then '0'
        when cast(given.v as varchar) in ('inf', '-inf') then replace(cast(given.v as varchar), 'inf', 'Infinity')
        else cast(given.v as varchar)
    end
        when system$typeof(given.v) like 'TIMESTAMP_TZ%'
            then rtrim(rtrim(to_char(convert_timezone('UTC', as_timestamp_tz(to_variant(given.v))), 'YYYY-MM-DD HH24:MI:SS.FF6'), '0'), '.') || '+00'
        when system$typeof(given.v) like 'TIMESTAMP_LTZ%'
            then rtrim(rtrim(to_char(convert_timezone('UTC', as_timestamp_ltz(to_variant(given.v))), 'YYYY-MM-DD HH24:MI:SS.FF6'), '0'), '.') || '+00'
        when system$typeof(given.v) like 'TIMESTAMP_NTZ%'
            then rtrim(rtrim(to_char(as_timestamp_ntz(to_variant(given.v)), 'YYYY-MM-DD HH24:MI:SS.FF6'), '0'), '.')
        when system$typeof(given.v) like 'DATE%' then to_char(as_date(to_variant(given.v)), 'YYYY-MM-DD')
        when system$typeof(given.v) like 'ARRAY%' then to_json(to_variant(given.v))
        else cast(given.v as varchar)
    end as told from given
