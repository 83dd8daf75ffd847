select case
        when case
        when v ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]+)?[ ]?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$' and substring(v, 1, 4) between '1900' and '9998'
            and substring(v, 6, 2) between '01' and '12' and substring(v, 9, 2) between '01' and '31'
            then case
                when try_cast(nullif(substring(v, 9, 2), '') as integer)
                    <= extract(day from last_day(try_cast(nullif(substring(v, 1, 7) || '-01', '') as date)))
                    then try_cast(nullif(substring(v, 1, 10) || ' ' || coalesce(nullif(substring(v, 12, 8), ''), '00:00:00')
            || substring(regexp_replace(substring(v, 20), '[ Zz+-].*$', ''), 1, 7), '') as timestamp)
            end
    end = cast(cast(case
        when v ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]+)?[ ]?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$' and substring(v, 1, 4) between '1900' and '9998'
            and substring(v, 6, 2) between '01' and '12' and substring(v, 9, 2) between '01' and '31'
            then case
                when try_cast(nullif(substring(v, 9, 2), '') as integer)
                    <= extract(day from last_day(try_cast(nullif(substring(v, 1, 7) || '-01', '') as date)))
                    then try_cast(nullif(substring(v, 1, 10) || ' ' || coalesce(nullif(substring(v, 12, 8), ''), '00:00:00')
            || substring(regexp_replace(substring(v, 20), '[ Zz+-].*$', ''), 1, 7), '') as timestamp)
            end
    end as date) as timestamp)
            then cast(case
        when v ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]+)?[ ]?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$' and substring(v, 1, 4) between '1900' and '9998'
            and substring(v, 6, 2) between '01' and '12' and substring(v, 9, 2) between '01' and '31'
            then case
                when try_cast(nullif(substring(v, 9, 2), '') as integer)
                    <= extract(day from last_day(try_cast(nullif(substring(v, 1, 7) || '-01', '') as date)))
                    then try_cast(nullif(substring(v, 1, 10) || ' ' || coalesce(nullif(substring(v, 12, 8), ''), '00:00:00')
            || substring(regexp_replace(substring(v, 20), '[ Zz+-].*$', ''), 1, 7), '') as timestamp)
            end
    end as date)
    end as told from given
