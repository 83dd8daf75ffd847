select
        *,
        case
        when _created_at_minutes is not null
            then timestamp(datetime_sub(_created_at_clock, interval (_created_at_minutes) minute), 'UTC')
        when _created_at_before = _created_at_after then _created_at_before
        when datetime(_created_at_before, leadloop_timezone) = _created_at_clock and datetime(_created_at_after, leadloop_timezone) = _created_at_clock
            then case
                when _created_at_after <= leadloop_seen_at + interval 5 minute then _created_at_after
                else _created_at_before
            end
        when datetime(_created_at_after, leadloop_timezone) = _created_at_clock then _created_at_after
        else _created_at_before
    end as created_at
    from (
        select
            *,
            case
        when _created_at_clock is not null and length(_created_at_text) > 19
            then case substr(regexp_replace(substr(_created_at_text, 20), r'^[^Zz+-]*', ''), 1, 1)
                when '+' then 1
                when '-' then -1
                when 'Z' then 0
                when 'z' then 0
            end * (
                60 * safe_cast(coalesce(nullif(substr(regexp_replace(substr(_created_at_text, 20), r'^[^Zz+-]*', ''), 2, 2), ''), '0') as int64)
                + safe_cast(coalesce(nullif(substr(replace(regexp_replace(substr(_created_at_text, 20), r'^[^Zz+-]*', ''), ':', ''), 4, 2), ''), '0') as int64)
            )
    end as _created_at_minutes,
            timestamp(_created_at_clock - interval 1 day, leadloop_timezone) + interval 24 hour as _created_at_before,
            timestamp(_created_at_clock + interval 1 day, leadloop_timezone) - interval 24 hour as _created_at_after
        from (
            select
                *,
                case
        when regexp_contains(_created_at_text, r'^[0-9]{4}-[0-9]{2}-[0-9]{2}([ Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]+)?[ ]?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$') and substr(_created_at_text, 1, 4) between '1900' and '9998'
            then safe_cast(substr(_created_at_text, 1, 10) || ' ' || coalesce(nullif(substr(_created_at_text, 12, 8), ''), '00:00:00')
            || substr(regexp_replace(substr(_created_at_text, 20), r'[ Zz+-].*$', ''), 1, 7) as datetime)
    end as _created_at_clock
            from (
                select '2026-03-01' as _created_at_text, 'UTC' as leadloop_timezone, cast(null as timestamp) as leadloop_seen_at
            ) as texts
        ) as clocks
    ) as placed
