select
        *,
        case
        when _created_at_minutes is not null
            then dateadd(
        microsecond,
        datediff(microsecond, cast('2000-01-01 00:00:00' as timestamp_ntz), dateadd(minute, -(_created_at_minutes), _created_at_clock)),
        cast('2000-01-01 00:00:00 +00:00' as timestamp_tz)
    )
        when _created_at_before = _created_at_after then _created_at_before
        when cast(convert_timezone(leadloop_timezone, _created_at_before) as timestamp_ntz) = _created_at_clock and cast(convert_timezone(leadloop_timezone, _created_at_after) as timestamp_ntz) = _created_at_clock
            then case
                when _created_at_after <= leadloop_seen_at + interval '5 minutes' then _created_at_after
                else _created_at_before
            end
        when cast(convert_timezone(leadloop_timezone, _created_at_after) as timestamp_ntz) = _created_at_clock then _created_at_after
        else _created_at_before
    end as created_at
    from (
        select
            *,
            case
        when _created_at_clock is not null and length(_created_at_text) > 19
            then case substr(regexp_replace(substr(_created_at_text, 20), '^[^Zz+-]*', ''), 1, 1)
                when '+' then 1
                when '-' then -1
                when 'Z' then 0
                when 'z' then 0
            end * (
                60 * try_cast(coalesce(nullif(substr(regexp_replace(substr(_created_at_text, 20), '^[^Zz+-]*', ''), 2, 2), ''), '0') as integer)
                + try_cast(coalesce(nullif(substr(replace(regexp_replace(substr(_created_at_text, 20), '^[^Zz+-]*', ''), ':', ''), 4, 2), ''), '0') as integer)
            )
    end as _created_at_minutes,
            dateadd(
        microsecond,
        datediff(microsecond, cast('2000-01-01 00:00:00' as timestamp_ntz), convert_timezone(leadloop_timezone, 'UTC', _created_at_clock - interval '1 day')),
        cast('2000-01-01 00:00:00 +00:00' as timestamp_tz)
    ) + interval '24 hours' as _created_at_before,
            dateadd(
        microsecond,
        datediff(microsecond, cast('2000-01-01 00:00:00' as timestamp_ntz), convert_timezone(leadloop_timezone, 'UTC', _created_at_clock + interval '1 day')),
        cast('2000-01-01 00:00:00 +00:00' as timestamp_tz)
    ) - interval '24 hours' as _created_at_after
        from (
            select
                *,
                case
        when regexp_instr(_created_at_text, '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]+)?[ ]?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$') > 0 and substr(_created_at_text, 1, 4) between '1900' and '9998'
            and substr(_created_at_text, 6, 2) between '01' and '12' and substr(_created_at_text, 9, 2) between '01' and '31'
            then case
                when try_cast(substr(_created_at_text, 9, 2) as integer)
                    <= day(last_day(date_from_parts(try_cast(substr(_created_at_text, 1, 4) as integer), try_cast(substr(_created_at_text, 6, 2) as integer), 1)))
                    then try_cast(substr(_created_at_text, 1, 10) || ' ' || coalesce(nullif(substr(_created_at_text, 12, 8), ''), '00:00:00')
            || substr(regexp_replace(substr(_created_at_text, 20), '[ Zz+-].*$', ''), 1, 7) as timestamp_ntz)
            end
    end as _created_at_clock
            from (
                select '2026-03-01' as _created_at_text, 'UTC' as leadloop_timezone, cast(null as timestamp_tz) as leadloop_seen_at
            ) as texts
        ) as clocks
    ) as placed
