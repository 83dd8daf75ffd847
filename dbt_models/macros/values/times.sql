{# A CRM's times as points in time.

   Understood are 2026-03-01 10:00:00, the same with a T, with a fraction, with an offset (+05:30, -0800, +01) or Z, and
   a date alone, which is its first second. Whatever else a CRM may write (n/a, 0000-00-00 00:00:00, 30 February) is NULL
   and never an error; so are years that no lead has lived in, 0001 and 9999, which stand for "none" in some systems. #}
{% macro time_shape() -%}
    {{ return(
        '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]+)?[ ]?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$'
    ) }}
{%- endmacro %}

{# The wall-clock time that a text shows, whatever zone that clock is in. #}
{% macro wall_clock(value) -%}
    {{ return(adapter.dispatch('wall_clock', 'leadloop')(value)) }}
{%- endmacro %}

{# What is left of the text once it has the shape of a time, in the one form that every engine reads. #}
{% macro plain_time(value) -%}
    {{ leadloop.part_of(value, 1, 10) }} || ' ' || coalesce(nullif({{ leadloop.part_of(value, 12, 8) }}, ''), '00:00:00')
            || {{ leadloop.part_of(leadloop.replaced(leadloop.part_of(value, 20), '[ Zz+-].*$', ''), 1, 7) }}
{%- endmacro %}

{% macro duckdb__wall_clock(value) -%}
    case
        when {{ leadloop.matches(value, leadloop.time_shape()) }} and substr({{ value }}, 1, 4) between '1900' and '9998'
            then try_cast({{ leadloop.plain_time(value) }} as timestamp)
    end
{%- endmacro %}

{% macro spark__wall_clock(value) -%}
    case
        when {{ leadloop.matches(value, leadloop.time_shape()) }} and substr({{ value }}, 1, 4) between '1900' and '9998'
            then try_cast({{ leadloop.plain_time(value) }} as timestamp_ntz)
    end
{%- endmacro %}

{# PostgreSQL before 16 can't try a cast, so the day is checked first. The cases are nested because only a case, and not
   an "and", promises that nothing behind a condition is evaluated before it. #}
{% macro default__wall_clock(value) -%}
    case
        when {{ leadloop.matches(value, leadloop.time_shape()) }} and substr({{ value }}, 1, 4) between '1900' and '9998'
            and substr({{ value }}, 6, 2) between '01' and '12' and substr({{ value }}, 9, 2) between '01' and '31'
            then case
                when cast(substr({{ value }}, 9, 2) as int) <= extract(
                    day from make_date(cast(substr({{ value }}, 1, 4) as int), cast(substr({{ value }}, 6, 2) as int), 1)
                    + interval '1 month' - interval '1 day'
                )
                    then cast({{ leadloop.plain_time(value) }} as timestamp)
            end
    end
{%- endmacro %}

{# The offset that a text ends in, in minutes: NULL where it has none, 0 for Z. Only for a text that wall_clock reads. #}
{% macro offset_minutes(value, wall_clock) -%}
    {%- set tail = leadloop.replaced(leadloop.part_of(value, 20), '^[^Zz+-]*', '') -%}
    case
        when {{ wall_clock }} is not null and length({{ value }}) > 19
            then case {{ leadloop.part_of(tail, 1, 1) }}
                when '+' then 1
                when '-' then -1
                when 'Z' then 0
                when 'z' then 0
            end * (
                60 * {{ leadloop.read_as("coalesce(nullif(" ~ leadloop.part_of(tail, 2, 2) ~ ", ''), '0')", 'integer') }}
                + {{ leadloop.read_as("coalesce(nullif(" ~ leadloop.part_of('replace(' ~ tail ~ ", ':', '')", 4, 2) ~ ", ''), '0')", 'integer') }}
            )
    end
{%- endmacro %}

{# The point in time at which a zone's clocks show a time. #}
{% macro zoned(wall_clock, zone, zones) -%}
    {{ return(adapter.dispatch('zoned', 'leadloop')(wall_clock, zone, zones)) }}
{%- endmacro %}

{% macro default__zoned(wall_clock, zone, zones) -%}
    timezone({{ zone }}, {{ wall_clock }})
{%- endmacro %}

{# DuckDB looks up a zone for every row, unless it is a literal: six times faster for the zones that are known to occur. #}
{% macro duckdb__zoned(wall_clock, zone, zones) -%}
    {%- if zones -%}
    case {{ zone }}
        {%- for each in zones %}
        when {{ leadloop.literal(each) }} then timezone({{ leadloop.literal(each) }}, {{ wall_clock }})
        {%- endfor %}
        else timezone({{ zone }}, {{ wall_clock }})
    end
    {%- else -%}
    timezone({{ zone }}, {{ wall_clock }})
    {%- endif -%}
{%- endmacro %}

{# From one wall clock to the other: the session is in UTC. #}
{% macro spark__zoned(wall_clock, zone, zones) -%}
    cast(convert_timezone({{ zone }}, 'UTC', {{ wall_clock }}) as timestamp)
{%- endmacro %}

{# What a zone's clocks show at a point in time. #}
{% macro clock_in(zone, moment) -%}
    {{ return(adapter.dispatch('clock_in', 'leadloop')(zone, moment)) }}
{%- endmacro %}

{% macro default__clock_in(zone, moment) -%}
    timezone({{ zone }}, {{ moment }})
{%- endmacro %}

{% macro spark__clock_in(zone, moment) -%}
    convert_timezone('UTC', {{ zone }}, cast({{ moment }} as timestamp_ntz))
{%- endmacro %}

{# The zones that occur in a CRM's raw table, from the log of its loads once there is one; unit tests override this macro. #}
{% macro zones_in(crm, raw) -%}
    {%- if not execute or target.type != 'duckdb' -%}{{ return([]) }}{%- endif -%}
    {%- set log = leadloop.built_loads() -%}
    {%- if leadloop.columns_of(log) -%}
        {%- set known = leadloop.first_column(
            'select distinct timezone from ' ~ log ~ ' where crm = ' ~ leadloop.literal(crm) ~ ' and timezone is not null'
        ) -%}
        {%- if known -%}{{ return(known | sort) }}{%- endif -%}
    {%- endif -%}
    {{ return(leadloop.first_column(
        'select distinct leadloop_timezone from ' ~ raw ~ ' where leadloop_timezone is not null limit 20'
    ) | sort) }}
{%- endmacro %}

{# What a query gives in its first column. #}
{% macro first_column(query) -%}
    {{ return(run_query(query).columns[0].values() | list) }}
{%- endmacro %}

{# A wall-clock time read with the offsets that its zone had a day before and has a day after. #}
{% macro with_offset_before(wall_clock, zone, zones) -%}
    {{ leadloop.zoned(wall_clock ~ ' - ' ~ leadloop.span(1, 'day'), zone, zones) }} + {{ leadloop.span(24, 'hour') }}
{%- endmacro %}

{% macro with_offset_after(wall_clock, zone, zones) -%}
    {{ leadloop.zoned(wall_clock ~ ' + ' ~ leadloop.span(1, 'day'), zone, zones) }} - {{ leadloop.span(24, 'hour') }}
{%- endmacro %}

{# A wall-clock time as a point in time. With an offset of its own there is nothing to find out.

   Without one, before and after (see above) are the same, except near a change of the clocks. There, a time that happened
   once is one of the two; one that never happened (the clock was set forward over it) is read with the offset that was
   valid before. One that happened twice (the clock was set back) is the later of the two, unless that would be later than
   the moment we saw the row, give or take five minutes between two machines' clocks: then it is the earlier one. So
   versions stay in the order in which they happened, since a version that was seen before the next edit can't be later
   than its own sighting. #}
{% macro point_in_time(wall_clock, offset_minutes, before, after, zone, seen_at) -%}
    case
        when {{ offset_minutes }} is not null
            then {{ leadloop.zoned(leadloop.minutes_before(wall_clock, offset_minutes), "'UTC'", none) }}
        when {{ before }} = {{ after }} then {{ before }}
        when {{ leadloop.clock_in(zone, before) }} = {{ wall_clock }} and {{ leadloop.clock_in(zone, after) }} = {{ wall_clock }}
            then case
                when {{ after }} <= {{ seen_at }} + {{ leadloop.span(5, 'minute') }} then {{ after }}
                else {{ before }}
            end
        when {{ leadloop.clock_in(zone, after) }} = {{ wall_clock }} then {{ after }}
        else {{ before }}
    end
{%- endmacro %}

{# A query of texts _<name>_text with one more column for each name: the point in time that the text means.

   Each step is taken once and used several times. PostgreSQL would rather put the whole expression in wherever a step's
   name stands, and evaluate it again and again; behind an "offset 0" it doesn't
   ("limit all" is there for sqlfluff, which reads no offset alone). And it leaves a subquery in a select
   list alone until a row has come through all joins, and altogether if nobody asks for the column. DuckDB does all that
   by itself with plain steps, and would make a join of the subquery. #}
{% macro with_times(query, names, zones) -%}
    {{ return(adapter.dispatch('with_times', 'leadloop')(query, names, zones)) }}
{%- endmacro %}

{% macro default__with_times(query, names, zones) -%}
    select
        *
        {%- for name in names %},
        (
            select {{ leadloop.point_in_time('_clock', '_minutes', '_before', '_after', 'leadloop_timezone', 'leadloop_seen_at') }}
            from (
                select
                    _clock,
                    {{ leadloop.offset_minutes('_' ~ name ~ '_text', '_clock') }} as _minutes,
                    {{ leadloop.with_offset_before('_clock', 'leadloop_timezone', zones) }} as _before,
                    {{ leadloop.with_offset_after('_clock', 'leadloop_timezone', zones) }} as _after
                from (select {{ leadloop.wall_clock('_' ~ name ~ '_text') }} as _clock limit all offset 0) as _read
                limit all offset 0
            ) as _placed
        ) as {{ name }}
        {%- endfor %}
    from (
        {{ query }}
    ) as texts
{%- endmacro %}

{% macro duckdb__with_times(query, names, zones) -%}
    select
        *
        {%- for name in names %},
        {{ leadloop.point_in_time(
            '_' ~ name ~ '_clock', '_' ~ name ~ '_minutes', '_' ~ name ~ '_before', '_' ~ name ~ '_after',
            'leadloop_timezone', 'leadloop_seen_at'
        ) }} as {{ name }}
        {%- endfor %}
    from (
        select
            *
            {%- for name in names %},
            {{ leadloop.offset_minutes('_' ~ name ~ '_text', '_' ~ name ~ '_clock') }} as _{{ name }}_minutes,
            {{ leadloop.with_offset_before('_' ~ name ~ '_clock', 'leadloop_timezone', zones) }} as _{{ name }}_before,
            {{ leadloop.with_offset_after('_' ~ name ~ '_clock', 'leadloop_timezone', zones) }} as _{{ name }}_after
            {%- endfor %}
        from (
            select
                *
                {%- for name in names %},
                {{ leadloop.wall_clock('_' ~ name ~ '_text') }} as _{{ name }}_clock
                {%- endfor %}
            from (
                {{ query }}
            ) as texts
        ) as clocks
    ) as placed
{%- endmacro %}

{# Spark keeps the steps apart, too. #}
{% macro spark__with_times(query, names, zones) -%}
    {{ return(leadloop.duckdb__with_times(query, names, zones)) }}
{%- endmacro %}
