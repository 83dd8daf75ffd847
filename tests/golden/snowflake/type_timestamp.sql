select dateadd(minute, -(coalesce(case
        when case
        when regexp_instr(v, '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]+)?[ ]?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$') > 0 and substr(v, 1, 4) between '1900' and '9998'
            and substr(v, 6, 2) between '01' and '12' and substr(v, 9, 2) between '01' and '31'
            then case
                when try_cast(substr(v, 9, 2) as integer)
                    <= day(last_day(date_from_parts(try_cast(substr(v, 1, 4) as integer), try_cast(substr(v, 6, 2) as integer), 1)))
                    then try_cast(substr(v, 1, 10) || ' ' || coalesce(nullif(substr(v, 12, 8), ''), '00:00:00')
            || substr(regexp_replace(substr(v, 20), '[ Zz+-].*$', ''), 1, 7) as timestamp_ntz)
            end
    end is not null and length(v) > 19
            then case substr(regexp_replace(substr(v, 20), '^[^Zz+-]*', ''), 1, 1)
                when '+' then 1
                when '-' then -1
                when 'Z' then 0
                when 'z' then 0
            end * (
                60 * try_cast(coalesce(nullif(substr(regexp_replace(substr(v, 20), '^[^Zz+-]*', ''), 2, 2), ''), '0') as integer)
                + try_cast(coalesce(nullif(substr(replace(regexp_replace(substr(v, 20), '^[^Zz+-]*', ''), ':', ''), 4, 2), ''), '0') as integer)
            )
    end, 0)), case
        when regexp_instr(v, '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]+)?[ ]?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$') > 0 and substr(v, 1, 4) between '1900' and '9998'
            and substr(v, 6, 2) between '01' and '12' and substr(v, 9, 2) between '01' and '31'
            then case
                when try_cast(substr(v, 9, 2) as integer)
                    <= day(last_day(date_from_parts(try_cast(substr(v, 1, 4) as integer), try_cast(substr(v, 6, 2) as integer), 1)))
                    then try_cast(substr(v, 1, 10) || ' ' || coalesce(nullif(substr(v, 12, 8), ''), '00:00:00')
            || substr(regexp_replace(substr(v, 20), '[ Zz+-].*$', ''), 1, 7) as timestamp_ntz)
            end
    end) as told from given
