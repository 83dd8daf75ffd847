select datetime_sub(case
        when regexp_contains(v, r'^[0-9]{4}-[0-9]{2}-[0-9]{2}([ Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]+)?[ ]?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$') and substr(v, 1, 4) between '1900' and '9998'
            then safe_cast(substr(v, 1, 10) || ' ' || coalesce(nullif(substr(v, 12, 8), ''), '00:00:00')
            || substr(regexp_replace(substr(v, 20), r'[ Zz+-].*$', ''), 1, 7) as datetime)
    end, interval (coalesce(case
        when case
        when regexp_contains(v, r'^[0-9]{4}-[0-9]{2}-[0-9]{2}([ Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]+)?[ ]?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$') and substr(v, 1, 4) between '1900' and '9998'
            then safe_cast(substr(v, 1, 10) || ' ' || coalesce(nullif(substr(v, 12, 8), ''), '00:00:00')
            || substr(regexp_replace(substr(v, 20), r'[ Zz+-].*$', ''), 1, 7) as datetime)
    end is not null and length(v) > 19
            then case substr(regexp_replace(substr(v, 20), r'^[^Zz+-]*', ''), 1, 1)
                when '+' then 1
                when '-' then -1
                when 'Z' then 0
                when 'z' then 0
            end * (
                60 * safe_cast(coalesce(nullif(substr(regexp_replace(substr(v, 20), r'^[^Zz+-]*', ''), 2, 2), ''), '0') as int64)
                + safe_cast(coalesce(nullif(substr(replace(regexp_replace(substr(v, 20), r'^[^Zz+-]*', ''), ':', ''), 4, 2), ''), '0') as int64)
            )
    end, 0)) minute) as told from given
