{# BigQuery's SQL of what macros/values has for every engine. Not yet run against the service: see docs/engines.md of leadloop. #}

{% macro bigquery__blanks() -%}' \t\n\v\f\r'{%- endmacro %}

{% macro bigquery__sql_type(name) -%}
    {{ return({
        'text': 'string', 'timestamptz': 'timestamp', 'timestamp': 'datetime', 'double precision': 'float64', 'bigint': 'int64',
        'integer': 'int64', 'boolean': 'bool', 'decimal(38, 18)': 'bignumeric'
    }.get(name, name)) }}
{%- endmacro %}

{# A backslash begins an escape there, a doubled quote is none, and no line ends within quotes. #}
{% macro bigquery__literal(text) -%}
    '{{ text | replace("\\", "\\\\") | replace("'", "\\'") | replace("\n", "\\n") | replace("\r", "\\r") }}'
{%- endmacro %}

{# No pattern has a quote in it. #}
{% macro bigquery_pattern(pattern) -%}{{ "r'" ~ pattern ~ "'" if pattern else "''" }}{%- endmacro %}

{% macro bigquery__matches(value, pattern) -%}
    regexp_contains({{ value }}, {{ leadloop.bigquery_pattern(pattern) }})
{%- endmacro %}

{# All are replaced there; every pattern here matches once. #}
{% macro bigquery__replaced(value, pattern, plain) -%}
    regexp_replace({{ value }}, {{ leadloop.bigquery_pattern(pattern) }}, {{ leadloop.bigquery_pattern(plain) }})
{%- endmacro %}

{% macro bigquery__digits_of(value) -%}
    regexp_replace({{ value }}, '[^0-9]', '')
{%- endmacro %}

{# safe_offset gives NULL where offset is an error, also for the list of a NULL. #}
{% macro bigquery__part_before(text, separator) -%}
    split({{ text }}, {{ separator }})[safe_offset(0)]
{%- endmacro %}

{# The condition may be looked at after the text. #}
{% macro bigquery__read_as(text, type) -%}
    safe_cast({{ text }} as {{ leadloop.sql_type(type) }})
{%- endmacro %}

{% macro bigquery__materialized(is_kept) -%}{%- endmacro %}

{# json_value takes a path that is a literal only, and here the name may be a column. #}
{% macro bigquery__json_entry(object, name) -%}
    json_value(safe.parse_json({{ object }})[{{ name }}])
{%- endmacro %}

{% macro bigquery__minutes_before(time, minutes) -%}
    datetime_sub({{ time }}, interval ({{ minutes }}) minute)
{%- endmacro %}

{% macro bigquery__span(number, unit) -%}
    interval {{ number }} {{ unit }}
{%- endmacro %}

{# "where" needs a "from" there. #}
{% macro bigquery__without_rows() -%}from (select 1 as nothing) as nothing where false{%- endmacro %}

{# "union" alone is no word of its grammar. #}
{% macro bigquery__union_of_sets() -%}union distinct{%- endmacro %}

{# concat is NULL there if one of the texts is. #}
{% macro bigquery__joinable(text) -%}coalesce({{ text }}, ''){%- endmacro %}

{# md5 gives bytes there. #}
{% macro bigquery__hash_begun() -%}to_hex(md5({%- endmacro %}

{% macro bigquery__hash_ended() -%})){%- endmacro %}

{# No function tells a type there, and a cast to text that a type doesn't have is an error before any row is read. But every type has
   a literal, which format('%T') writes, and a text, which format('%t') writes: the literal's beginning tells the type. #}
{% macro bigquery__as_text(value, _type) -%}
    {%- set written -%}
    case
        when {{ value }} is null then null
        when left(_told, 1) in ('"', '\'') then format('%t', {{ value }})
        when {{ leadloop.bigquery_is_decimal('_told') }} then {{ leadloop.decimal_text(value) }}
        when _told like 'TIMESTAMP %' or _told like 'DATETIME %' then {{ leadloop.bigquery_time_text(value) }}
        when left(_told, 1) in ('[', '(') or _told like 'STRUCT(%' then to_json_string({{ value }})
        else format('%t', {{ value }})
    end
    {%- endset -%}
    {{ return(leadloop.taking(leadloop.bigquery_literal_of(value), '_told', written)) }}
{%- endmacro %}

{% macro bigquery_literal_of(value) -%}format('%T', {{ value }}){%- endmacro %}

{# Whether that literal is of a number that may have decimals: NUMERIC "1.5", 1.0, 1e+20, CAST("nan" AS FLOAT64). #}
{% macro bigquery_is_decimal(told) -%}
    (
            {{ told }} like 'NUMERIC %'
            or {{ told }} like 'BIGNUMERIC %'
            or {{ told }} like 'CAST(%'
            or {{ leadloop.matches(told, '^-?[0-9]+([.][0-9]+)?(e[-+]?[0-9]+)?$') }} and {{ leadloop.matches(told, '[.e]') }}
        )
{%- endmacro %}

{# A time as JSON has it is in UTC, whatever time zone a project has set for itself. Its decimals are as many as it has. #}
{% macro bigquery_time_text(value) -%}
    {%- set told = "replace(replace(trim(to_json_string(" ~ value ~ "), '\"'), 'T', ' '), 'Z', '+00')" -%}
    {{ leadloop.replaced(told, '([.][0-9]*[1-9])0+([+]00)?$|[.]0+([+]00)?$', '\\1\\2\\3') }}
{%- endmacro %}

{# A number that needs an exponent is written out by BIGNUMERIC, which has 38 digits on either side of its point. #}
{% macro bigquery__decimal_text(value) -%}
    {%- set whole = 'cast(safe_cast(_number as bignumeric) as string)' -%}
    {%- set written -%}
    case
        when _number = 'nan' then 'NaN'
        when _number in ('inf', '+inf') then 'Infinity'
        when _number = '-inf' then '-Infinity'
        when _number like '%e-%' or abs(safe_cast(_number as float64)) >= 1e38 then _number
        when strpos({{ whole }}, '.') > 0 then rtrim(rtrim({{ whole }}, '0'), '.')
        else {{ whole }}
    end
    {%- endset -%}
    {{ return(leadloop.taking("lower(format('%t', " ~ value ~ "))", '_number', written)) }}
{%- endmacro %}

{# The type of a list ends in [], as it does elsewhere: a plan goes by that. #}
{% macro bigquery__unsendable(value, _type) -%}
    {%- set type -%}
    case
        when {{ value }} is null or left(_told, 1) in ('"', '\'') then null
        when _told like 'CAST(%' then 'FLOAT64 ' || format('%t', {{ value }})
        when _told like '[%' then 'ARRAY[]'
        when _told like '(%' or _told like 'STRUCT(%' then 'STRUCT'
        when _told like 'b"%' or _told like 'b\'%' then 'BYTES'
        when {{ leadloop.matches('_told', '^JSON .[\\[{]') }} then 'JSON'
        when {{ leadloop.matches('_told', '^(INTERVAL|RANGE|ST_)') }} then {{ leadloop.part_before('_told', "' '") }}
    end
    {%- endset -%}
    {{ return(leadloop.taking(leadloop.bigquery_literal_of(value), '_told', type)) }}
{%- endmacro %}

{% macro bigquery__wall_clock(value) -%}
    case
        when {{ leadloop.matches(value, leadloop.time_shape()) }} and substr({{ value }}, 1, 4) between '1900' and '9998'
            then safe_cast({{ leadloop.plain_time(value) }} as datetime)
    end
{%- endmacro %}

{% macro bigquery__zoned(wall_clock, zone, zones) -%}
    timestamp({{ wall_clock }}, {{ zone }})
{%- endmacro %}

{% macro bigquery__clock_in(zone, moment) -%}
    datetime({{ moment }}, {{ zone }})
{%- endmacro %}

{# Subqueries keep the steps apart. #}
{% macro bigquery__with_times(query, names, zones) -%}
    {{ return(leadloop.duckdb__with_times(query, names, zones)) }}
{%- endmacro %}

{# From what BigQuery says of the table, which costs no query, and none of a dataset that isn't there: to ask its catalog would be an error. #}
{% macro bigquery__columns_there(relation) -%}
    {{ return(adapter.get_columns_in_relation(relation) | map(attribute='name') | list) }}
{%- endmacro %}
