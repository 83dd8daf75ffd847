{# Snowflake's SQL of what macros/values has for every engine. Not yet run against the service: see docs/engines.md of leadloop. #}

{% macro snowflake__blanks() -%}{{ leadloop.spark__blanks() }}{%- endmacro %}

{# A name without quotes is in capital letters there, and one in quotes is what it is: the raw columns, which dlt makes without, are
   in capitals, and so is every column of the models, whoever asks for it. #}
{% macro snowflake__quoted(name) -%}{{ return(adapter.quote(name | upper)) }}{%- endmacro %}

{# What "timestamp" is there, a session can change. #}
{% macro snowflake__sql_type(name) -%}
    {{ return({'text': 'varchar', 'timestamptz': 'timestamp_tz', 'timestamp': 'timestamp_ntz', 'double precision': 'double'}.get(name, name)) }}
{%- endmacro %}

{# A backslash begins an escape there. #}
{% macro snowflake__literal(text) -%}
    '{{ text | replace("\\", "\\\\") | replace("'", "''") }}'
{%- endmacro %}

{# regexp_like goes by the whole text there, whatever the pattern says. #}
{% macro snowflake__matches(value, pattern) -%}
    regexp_instr({{ value }}, {{ leadloop.literal(pattern) }}) > 0
{%- endmacro %}

{# All are replaced there; every pattern here matches once. #}
{% macro snowflake__replaced(value, pattern, plain) -%}
    regexp_replace({{ value }}, {{ leadloop.literal(pattern) }}, {{ leadloop.literal(plain) }})
{%- endmacro %}

{% macro snowflake__digits_of(value) -%}
    regexp_replace({{ value }}, '[^0-9]', '')
{%- endmacro %}

{% macro snowflake__place_of(part, text) -%}
    charindex({{ part }}, {{ text }})
{%- endmacro %}

{# The condition may be looked at after the text. #}
{% macro snowflake__read_as(text, type) -%}
    try_cast({{ text }} as {{ leadloop.sql_type(type) }})
{%- endmacro %}

{% macro snowflake__materialized(is_kept) -%}{%- endmacro %}

{% macro snowflake__json_entry(object, name) -%}
    as_varchar(try_parse_json({{ object }})[{{ name }}])
{%- endmacro %}

{# An interval can't be multiplied there. #}
{% macro snowflake__minutes_before(time, minutes) -%}
    dateadd(minute, -({{ minutes }}), {{ time }})
{%- endmacro %}

{# "exists" stands in conditions alone there. #}
{% macro snowflake__has_rows(query) -%}
    (select count(*) > 0 from ({{ query }} limit 1) as found)
{%- endmacro %}

{# Both concat and concat_ws are NULL there if one of the texts is. #}
{% macro snowflake__joined_without_nulls() -%}concat({%- endmacro %}

{% macro snowflake__joinable(text) -%}coalesce({{ text }}, ''){%- endmacro %}

{# Types are those of the columns: a value of "number(10, 2)" has decimals, also where they are zeros. #}
{% macro snowflake__has_fraction(value) -%}
    (
        {{ leadloop.snowflake_type(value) }} like 'FLOAT%'
        or ({{ leadloop.snowflake_type(value) }} like 'NUMBER(%' and {{ leadloop.snowflake_type(value) }} not like 'NUMBER(%,0)%')
    )
{%- endmacro %}

{% macro snowflake_type(value) -%}system$typeof({{ value }}){%- endmacro %}

{% macro snowflake__decimal_text(value) -%}
    {%- set text = 'cast(' ~ value ~ ' as varchar)' -%}
    case
        when regexp_instr({{ text }}, '^-?[0-9]([.][0-9]+)?e[+]?([012]?[0-9]|3[0-7])$') > 0 then {{ leadloop.written_out(value) }}
        when {{ text }} not like '%e%' and {{ text }} like '%.%'
            then case rtrim(rtrim({{ text }}, '0'), '.')
                when '-0' then '0'
                when '' then '0'
                else rtrim(rtrim({{ text }}, '0'), '.')
            end
        when {{ text }} = '-0' then '0'
        when {{ text }} in ('inf', '-inf') then replace({{ text }}, 'inf', 'Infinity')
        else {{ text }}
    end
{%- endmacro %}

{% macro snowflake__written_out(value) -%}
    coalesce(cast(try_cast(cast({{ value }} as varchar) as number(38, 0)) as varchar), cast({{ value }} as varchar))
{%- endmacro %}

{# How a time is written, a session can change, and a value of another type would be no time at all, which is an error before any row is read:
   so each is made a variant first, and is NULL where it is of another type. #}
{% macro snowflake__times_as_text(value) -%}
    when {{ leadloop.snowflake_type(value) }} like 'TIMESTAMP_TZ%'
            then {{ leadloop.snowflake_micros("convert_timezone('UTC', as_timestamp_tz(to_variant(" ~ value ~ ")))") }} || '+00'
        when {{ leadloop.snowflake_type(value) }} like 'TIMESTAMP_LTZ%'
            then {{ leadloop.snowflake_micros("convert_timezone('UTC', as_timestamp_ltz(to_variant(" ~ value ~ ")))") }} || '+00'
        when {{ leadloop.snowflake_type(value) }} like 'TIMESTAMP_NTZ%'
            then {{ leadloop.snowflake_micros('as_timestamp_ntz(to_variant(' ~ value ~ '))') }}
        when {{ leadloop.snowflake_type(value) }} like 'DATE%' then to_char(as_date(to_variant({{ value }})), 'YYYY-MM-DD')
{%- endmacro %}

{# A time as text, with as many decimals as it has. #}
{% macro snowflake_micros(time) -%}
    rtrim(rtrim({{ leadloop.snowflake__six_decimals(time) }}, '0'), '.')
{%- endmacro %}

{% macro snowflake__six_decimals(time) -%}
    to_char({{ time }}, 'YYYY-MM-DD HH24:MI:SS.FF6')
{%- endmacro %}

{% macro snowflake__list_as_text(value) -%}
    when {{ leadloop.snowflake_type(value) }} like 'ARRAY%' then to_json(to_variant({{ value }}))
{%- endmacro %}

{# The type of a list ends in [], as it does elsewhere: a plan goes by that. #}
{% macro snowflake__unsendable(value) -%}
    case
        when {{ value }} is null then null
        when {{ leadloop.snowflake_type(value) }} like 'FLOAT%'
            then case when cast({{ value }} as varchar) in ('NaN', 'inf', '-inf') then 'FLOAT ' || cast({{ value }} as varchar) end
        when {{ leadloop.snowflake_type(value) }} like 'ARRAY%' then 'ARRAY[]'
        when
            {{ leadloop.snowflake_type(value) }} like 'OBJECT%'
            or {{ leadloop.snowflake_type(value) }} like 'MAP%'
            or {{ leadloop.snowflake_type(value) }} like 'VARIANT%'
            or {{ leadloop.snowflake_type(value) }} like 'VECTOR%'
            or {{ leadloop.snowflake_type(value) }} like 'BINARY%'
            or {{ leadloop.snowflake_type(value) }} like 'GEO%'
            then split_part(split_part({{ leadloop.snowflake_type(value) }}, '[', 1), '(', 1)
    end
{%- endmacro %}

{# Whether the day exists is looked at before the text is read as a time. #}
{% macro snowflake__wall_clock(value) -%}
    {%- set year, month, day = 'substr(' ~ value ~ ', 1, 4)', 'substr(' ~ value ~ ', 6, 2)', 'substr(' ~ value ~ ', 9, 2)' -%}
    case
        when {{ leadloop.matches(value, leadloop.time_shape()) }} and {{ year }} between '1900' and '9998'
            and {{ month }} between '01' and '12' and {{ day }} between '01' and '31'
            then case
                when try_cast({{ day }} as integer)
                    <= day(last_day(date_from_parts(try_cast({{ year }} as integer), try_cast({{ month }} as integer), 1)))
                    then try_cast({{ leadloop.plain_time(value) }} as timestamp_ntz)
            end
    end
{%- endmacro %}

{# A cast from one kind of time to the other would go by the session's zone: so it is counted from a moment that is known in both. #}
{% macro snowflake__zoned(wall_clock, zone, zones) -%}
    {%- set in_utc = wall_clock if zone == "'UTC'" else 'convert_timezone(' ~ zone ~ ", 'UTC', " ~ wall_clock ~ ')' -%}
    dateadd(
        microsecond,
        datediff(microsecond, cast('2000-01-01 00:00:00' as timestamp_ntz), {{ in_utc }}),
        cast('2000-01-01 00:00:00 +00:00' as timestamp_tz)
    )
{%- endmacro %}

{% macro snowflake__clock_in(zone, moment) -%}
    cast(convert_timezone({{ zone }}, {{ moment }}) as timestamp_ntz)
{%- endmacro %}

{# Snowflake keeps the steps apart. #}
{% macro snowflake__with_times(query, names, zones) -%}
    {{ return(leadloop.duckdb__with_times(query, names, zones)) }}
{%- endmacro %}

{# The catalog has names in capitals where they were made without quotes. #}
{% macro snowflake__select_columns_of(relation) -%}
    select lower(column_name) as column_name
    from {{ relation.information_schema('columns') }}
    where upper(table_schema) = upper('{{ relation.schema }}') and upper(table_name) = upper('{{ relation.identifier }}')
    order by ordinal_position
{%- endmacro %}
