select
        *,
        case
        when _created_at_minutes is not null
            then timezone('UTC', dateadd(minute, -(_created_at_minutes), _created_at_clock))
        when _created_at_before = _created_at_after then _created_at_before
        when convert_timezone('UTC', leadloop_timezone, timezone('UTC', _created_at_before)) = _created_at_clock and convert_timezone('UTC', leadloop_timezone, timezone('UTC', _created_at_after)) = _created_at_clock
            then case
                when _created_at_after <= leadloop_seen_at + interval '5 minutes' then _created_at_after
                else _created_at_before
            end
        when convert_timezone('UTC', leadloop_timezone, timezone('UTC', _created_at_after)) = _created_at_clock then _created_at_after
        else _created_at_before
    end as created_at
    from (
        select
            *,
            case
        when _created_at_clock is not null and length(_created_at_text) > 19
            then case substring(regexp_replace(substring(_created_at_text, 20), '^[^Zz+-]*', ''), 1, 1)
                when '+' then 1
                when '-' then -1
                when 'Z' then 0
                when 'z' then 0
            end * (
                60 * try_cast(nullif(coalesce(nullif(substring(regexp_replace(substring(_created_at_text, 20), '^[^Zz+-]*', ''), 2, 2), ''), '0'), '') as integer)
                + try_cast(nullif(coalesce(nullif(substring(replace(regexp_replace(substring(_created_at_text, 20), '^[^Zz+-]*', ''), ':', ''), 4, 2), ''), '0'), '') as integer)
            )
    end as _created_at_minutes,
            timezone('UTC', convert_timezone(leadloop_timezone, 'UTC', _created_at_clock - interval '1 day')) + interval '24 hours' as _created_at_before,
            timezone('UTC', convert_timezone(leadloop_timezone, 'UTC', _created_at_clock + interval '1 day')) - interval '24 hours' as _created_at_after
        from (
            select
                *,
                case
        when _created_at_text ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]+)?[ ]?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$' and substring(_created_at_text, 1, 4) between '1900' and '9998'
            and substring(_created_at_text, 6, 2) between '01' and '12' and substring(_created_at_text, 9, 2) between '01' and '31'
            then case
                when try_cast(nullif(substring(_created_at_text, 9, 2), '') as integer)
                    <= extract(day from last_day(try_cast(nullif(substring(_created_at_text, 1, 7) || '-01', '') as date)))
                    then try_cast(nullif(substring(_created_at_text, 1, 10) || ' ' || coalesce(nullif(substring(_created_at_text, 12, 8), ''), '00:00:00')
            || substring(regexp_replace(substring(_created_at_text, 20), '[ Zz+-].*$', ''), 1, 7), '') as timestamp)
            end
    end as _created_at_clock
            from (
                select '2026-03-01' as _created_at_text, 'UTC' as leadloop_timezone, cast(null as timestamptz) as leadloop_seen_at
            ) as texts
        ) as clocks
    ) as placed
