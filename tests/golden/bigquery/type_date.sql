select case
        when case
        when regexp_contains(v, r'^[0-9]{4}-[0-9]{2}-[0-9]{2}([ Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]+)?[ ]?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$') and substr(v, 1, 4) between '1900' and '9998'
            then safe_cast(substr(v, 1, 10) || ' ' || coalesce(nullif(substr(v, 12, 8), ''), '00:00:00')
            || substr(regexp_replace(substr(v, 20), r'[ Zz+-].*$', ''), 1, 7) as datetime)
    end = cast(cast(case
        when regexp_contains(v, r'^[0-9]{4}-[0-9]{2}-[0-9]{2}([ Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]+)?[ ]?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$') and substr(v, 1, 4) between '1900' and '9998'
            then safe_cast(substr(v, 1, 10) || ' ' || coalesce(nullif(substr(v, 12, 8), ''), '00:00:00')
            || substr(regexp_replace(substr(v, 20), r'[ Zz+-].*$', ''), 1, 7) as datetime)
    end as date) as datetime)
            then cast(case
        when regexp_contains(v, r'^[0-9]{4}-[0-9]{2}-[0-9]{2}([ Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]+)?[ ]?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$') and substr(v, 1, 4) between '1900' and '9998'
            then safe_cast(substr(v, 1, 10) || ' ' || coalesce(nullif(substr(v, 12, 8), ''), '00:00:00')
            || substr(regexp_replace(substr(v, 20), r'[ Zz+-].*$', ''), 1, 7) as datetime)
    end as date)
    end as told from given
