{# The characters that count as blank: ASCII's white space, as BLANKS in connector/texts.py; a test compares the two. On whatever
   else may look like a space (U+00A0, U+2028) engines and languages disagree: it is a character like any other. #}
{% macro blanks() -%}
    {{ return(adapter.dispatch('blanks', 'leadloop')()) }}
{%- endmacro %}

{# A literal: it stands in every column of every table, and an engine takes its time for each function that it meets. #}
{% macro default__blanks() -%}E' \t\n\x0b\f\r'{%- endmacro %}

{% macro spark__blanks() -%}
    (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))
{%- endmacro %}

{# A text, or NULL where there is nothing but blanks in it. #}
{% macro blank_as_null(value) -%}
    {{ return(adapter.dispatch('blank_as_null', 'leadloop')(value)) }}
{%- endmacro %}

{% macro default__blank_as_null(value) -%}
    case when {{ leadloop.stripped(value, leadloop.blanks(), 'trailing') }} <> '' then {{ value }} end
{%- endmacro %}

{# Every blank is a character up to 32, so the first one tells nearly always, in a quarter of the time that trimming takes. NULL is
   asked for first although it would come out anyway: with it the value stands there five times. DuckDB's hash of an expression
   is the XOR of its parts, so one that stands there four times falls out, and thousands of such columns would all be compared
   with each other before anything is read. #}
{% macro duckdb__blank_as_null(value) -%}
    case
        when {{ value }} is null then null
        when ascii({{ value }}) > 32 then {{ value }}
        when rtrim({{ value }}, {{ leadloop.blanks() }}) <> '' then {{ value }}
    end
{%- endmacro %}

{# A text without blanks around it, and one in lower case, from A to Z alone: what else has a case, and which, differs from one
   database's locale to the next. #}
{% macro trimmed(value) -%}
    {{ leadloop.stripped(value, leadloop.blanks()) }}
{%- endmacro %}

{% macro lowered(value) -%}
    translate({{ value }}, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')
{%- endmacro %}

{# A raw column as text, blank as NULL; NULL where the table, which has these columns, lacks it. #}
{% macro blanked(column, columns) -%}
    {%- if column in columns -%}
    {{ leadloop.blank_as_null('cast(' ~ leadloop.quoted(column) ~ ' as ' ~ leadloop.sql_type('text') ~ ')') }}
    {%- else -%}
    cast(null as {{ leadloop.sql_type('text') }})
    {%- endif -%}
{%- endmacro %}

{# The first of several raw columns that isn't blank. #}
{% macro first_blanked(names, columns) -%}
    coalesce(
        {%- for name in names %}
        {{ leadloop.blanked(name, columns) }}{{ ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

{# Any value as the text that a CRM would show: a whole number that a calculation left as 5.00, 5e+20 or -0.0 is written out, and 2.50
   is 2.5. Without this, a score that is computed with decimals would differ from the one the CRM shows for ever.

   A time with a zone is told in UTC: by itself, an engine tells it in the zone of the session, which is another one on another
   machine, and all leads would be sent again from there. #}
{% macro as_text(value, type=none) -%}
    {%- set macro = adapter.dispatch('as_text', 'leadloop') -%}
    {{ return(macro(value) if type is none else macro(value, type)) }}
{%- endmacro %}

{# Column, in lower case, -> its type, for an engine that can't ask a value for it. #}
{% macro types_there(relation) -%}
    {{ return(adapter.dispatch('types_there', 'leadloop')(relation)) }}
{%- endmacro %}

{% macro default__types_there(relation) -%}{{ return({}) }}{%- endmacro %}

{% macro default__as_text(value) -%}
    case
        when {{ leadloop.has_fraction(value) }} then {{ leadloop.decimal_text(value) }}
        {{ leadloop.times_as_text(value) }}
        {{ leadloop.list_as_text(value) }}
        else cast({{ value }} as {{ leadloop.sql_type('text') }})
    end
{%- endmacro %}

{# The branch of as_text for a list: as JSON, which is what a CRM's field takes that holds a list. #}
{% macro list_as_text(value) -%}
    {{ return(adapter.dispatch('list_as_text', 'leadloop')(value)) }}
{%- endmacro %}

{% macro default__list_as_text(value) -%}
    when cast(pg_typeof({{ value }}) as text) like '%[]' then cast(to_jsonb({{ value }}) as text)
{%- endmacro %}

{% macro duckdb__list_as_text(value) -%}
    when typeof({{ value }}) like '%]' then cast(to_json({{ value }}) as text)
{%- endmacro %}

{# As a part of an object, since a value that is no list can't be made JSON there, and is looked at while the query is planned. #}
{% macro spark__list_as_text(value) -%}
    {%- set object = 'to_json(struct(' ~ value ~ ' as v))' -%}
    when typeof({{ value }}) like 'array<%' or typeof({{ value }}) = 'binary'
            then substr({{ object }}, 6, length({{ object }}) - 6)
{%- endmacro %}

{# What a value is that no field of a CRM takes as a text: its type, where that is a list, an object or bytes, or that it is no finite
   number. Else NULL. A list may be what a field takes that holds a list; leadloop knows that when it makes the plan. #}
{% macro unsendable(value, type=none) -%}
    {%- set macro = adapter.dispatch('unsendable', 'leadloop') -%}
    {{ return(macro(value) if type is none else macro(value, type)) }}
{%- endmacro %}

{% macro default__unsendable(value) -%}
    {%- set type = 'cast(pg_typeof(' ~ value ~ ') as text)' -%}
    case
        when {{ value }} is null or {{ type }} in ('text', 'character varying', 'integer', 'bigint', 'boolean', 'date') then null
        when {{ leadloop.has_fraction(value) }}
            then case when cast({{ value }} as text) in ('NaN', 'Infinity', '-Infinity') then {{ type }} || ' ' || cast({{ value }} as text) end
        when {{ type }} = 'bytea' or jsonb_typeof(to_jsonb({{ value }})) in ('array', 'object') then {{ type }}
    end
{%- endmacro %}

{% macro duckdb__unsendable(value) -%}
    case
        when {{ value }} is null then null
        when typeof({{ value }}) in ('FLOAT', 'DOUBLE')
            then case when cast({{ value }} as text) in ('nan', '-nan', 'inf', '-inf') then typeof({{ value }}) || ' ' || cast({{ value }} as text) end
        when
            typeof({{ value }}) like '%]'
            or typeof({{ value }}) like 'STRUCT(%'
            or typeof({{ value }}) like 'MAP(%'
            or typeof({{ value }}) like 'UNION(%'
            or typeof({{ value }}) in ('BLOB', 'BIT')
            or (typeof({{ value }}) = 'JSON' and left(ltrim(cast({{ value }} as text)), 1) in ('[', '{'))
            then typeof({{ value }})
    end
{%- endmacro %}

{# The type of a list ends in [], as it does elsewhere: a plan goes by that. #}
{% macro spark__unsendable(value) -%}
    case
        when {{ value }} is null then null
        when typeof({{ value }}) in ('float', 'double')
            then case
                when lower(cast({{ value }} as string)) in ('nan', 'infinity', '-infinity', 'inf', '-inf')
                    then concat(typeof({{ value }}), ' ', cast({{ value }} as string))
            end
        when typeof({{ value }}) like 'array<%' then concat(substr(typeof({{ value }}), 7, length(typeof({{ value }})) - 7), '[]')
        when
            typeof({{ value }}) like 'struct<%'
            or typeof({{ value }}) like 'map<%'
            or typeof({{ value }}) in ('binary', 'variant')
            then typeof({{ value }})
    end
{%- endmacro %}

{# Of a value that may have decimals. An engine's own text of it is cut, never calculated with, so that no digit is lost. #}
{% macro decimal_text(value) -%}
    {{ return(adapter.dispatch('decimal_text', 'leadloop')(value)) }}
{%- endmacro %}

{% macro default__decimal_text(value) -%}
    {%- set text = 'cast(' ~ value ~ ' as text)' -%}
    case
        when {{ text }} ~ '^-?[0-9]([.][0-9]+)?e[+]([012][0-9]|3[0-7])$' then {{ leadloop.written_out(value) }}
        when {{ text }} not like '%e%' and {{ text }} like '%.%'
            then case rtrim(rtrim({{ text }}, '0'), '.')
                when '-0' then '0'
                else rtrim(rtrim({{ text }}, '0'), '.')
            end
        when {{ text }} = '-0' then '0'
        when lower({{ text }}) = 'nan' then 'NaN'
        when {{ text }} in ('inf', '-inf') then replace({{ text }}, 'inf', 'Infinity')
        else {{ text }}
    end
{%- endmacro %}

{# Spark writes 1.0E7 and Sail 10000000.0, so the text is made anew from its digits and the place of its point among them: of a
   floating-point number as DuckDB and PostgreSQL write it, of a decimal in full. #}
{% macro spark__decimal_text(value) -%}
    {%- set digits = "replace(replace(split_part(_text, 'e', 1), '-', ''), '.', '')" -%}
    {%- set point -%}
        length(split_part(replace(split_part(_text, 'e', 1), '-', ''), '.', 1))
            + coalesce(try_cast(nullif(split_part(_text, 'e', 2), '') as int), 0) - length(_digits) + length(_bare)
    {%- endset -%}
    {%- set bare = leadloop.stripped('_digits', "'0'", 'leading') -%}
    {%- set significant = leadloop.stripped('_bare', "'0'", 'trailing') -%}
    {%- set written -%}
    case
        when _short = '' then '0'
        when typeof({{ value }}) not like 'decimal%' and (_point < -3 or _point > 38)
            then concat(
                substr(_short, 1, 1),
                case when length(_short) > 1 then '.' else '' end,
                substr(_short, 2),
                case when _point < 1 then 'e-' else 'e+' end,
                lpad(cast(abs(_point - 1) as string), greatest(2, length(cast(abs(_point - 1) as string))), '0')
            )
        when _point <= 0 then concat('0.', repeat('0', -_point), _short)
        when _point >= length(_short) then concat(_short, repeat('0', _point - length(_short)))
        else concat(substr(_short, 1, _point), '.', substr(_short, _point + 1))
    end
    {%- endset -%}
    {%- set number -%}
    case
        when _text = 'nan' then 'NaN'
        when _text like '%inf%' then concat(case when _text like '-%' then '-' else '' end, 'Infinity')
        else concat(
            case when _text like '-%' and {{ leadloop.matches('_text', '^-?[0.]*[1-9]') }} then '-' else '' end,
            {{ leadloop.taking(
                digits, '_digits', leadloop.taking(
                    bare, '_bare', leadloop.taking(point, '_point', leadloop.taking(significant, '_short', written))
                )
            ) }}
        )
    end
    {%- endset -%}
    {{ return(leadloop.taking('lower(cast(' ~ value ~ ' as string))', '_text', number)) }}
{%- endmacro %}

{# A whole number below 1e38 without its exponent. #}
{% macro written_out(value) -%}
    {{ return(adapter.dispatch('written_out', 'leadloop')(value)) }}
{%- endmacro %}

{# As JSON, PostgreSQL writes every number out, and every time in one form, whatever the session's settings. A cast of the text would
   be tried on constants of other types as well, while the query is planned. #}
{% macro default__written_out(value) -%}
    to_jsonb({{ value }}) #>> '{}'
{%- endmacro %}

{% macro duckdb__written_out(value) -%}
    coalesce(cast(try_cast(cast({{ value }} as text) as decimal(38, 0)) as text), cast({{ value }} as text))
{%- endmacro %}

{# The branches of as_text for times. #}
{% macro times_as_text(value) -%}
    {{ return(adapter.dispatch('times_as_text', 'leadloop')(value)) }}
{%- endmacro %}

{% macro default__times_as_text(value) -%}
    when pg_typeof({{ value }}) = cast('timestamptz' as regtype)
            then replace(
                replace(
                    to_jsonb(timezone('UTC', cast(to_jsonb({{ value }}) #>> '{}' as timestamptz))) #>> '{}', 'T', ' '
                ) || '+00',
                'infinity+00', 'infinity'
            )
        when pg_typeof({{ value }}) in (cast('timestamp' as regtype), cast('date' as regtype))
            then replace(to_jsonb({{ value }}) #>> '{}', 'T', ' ')
{%- endmacro %}

{% macro duckdb__times_as_text(value) -%}
    when typeof({{ value }}) = 'TIMESTAMP WITH TIME ZONE'
            then replace(
                cast(timezone('UTC', try_cast({{ value }} as timestamptz)) as text) || '+00', 'infinity+00', 'infinity'
            )
{%- endmacro %}

{# leadloop's sessions are in UTC, and so is the view that one of them made, whoever reads it. #}
{% macro spark__times_as_text(value) -%}
    when typeof({{ value }}) = 'timestamp' then concat(cast({{ value }} as string), '+00')
{%- endmacro %}

{# Whether a value is of a type that can have decimals. #}
{% macro has_fraction(value) -%}
    {{ return(adapter.dispatch('has_fraction', 'leadloop')(value)) }}
{%- endmacro %}

{% macro default__has_fraction(value) -%}
    pg_typeof({{ value }}) in (cast('numeric' as regtype), cast('double precision' as regtype), cast('real' as regtype))
{%- endmacro %}

{% macro duckdb__has_fraction(value) -%}
    (typeof({{ value }}) in ('FLOAT', 'DOUBLE') or typeof({{ value }}) like 'DECIMAL%')
{%- endmacro %}

{% macro spark__has_fraction(value) -%}
    (typeof({{ value }}) in ('float', 'double') or typeof({{ value }}) like 'decimal%')
{%- endmacro %}

{# Few texts have one, and to look costs half of what replacing costs. #}
{% macro doubled_semicolons(value) -%}
    case when {{ value }} like '%;%' then replace({{ value }}, ';', ';;') else {{ value }} end
{%- endmacro %}

{# One hash for the content of a row: md5 over name=value; of every column that is not NULL, sorted by name.

   NULLs are left out (concat skips them), so that a column that appears next year leaves the hashes of the older rows
   alone. A semicolon within a value is doubled, so that no value can look like the beginning of the next column. #}
{% macro content_hash(columns) -%}
    {{ return(adapter.dispatch('content_hash', 'leadloop')(columns)) }}
{%- endmacro %}

{% macro default__content_hash(columns) -%}
    {{ leadloop.hash_begun() }}
        {%- for some in columns | sort | batch(50) %}
        {{- ' ||' if not loop.first }}
        {{ leadloop.joined_without_nulls() }}
            {%- for column in some %}
            {{ leadloop.joinable("'" ~ column ~ "=' || " ~ leadloop.doubled_semicolons(leadloop.quoted(column)) ~ " || ';'") }}{{ ',' if not loop.last }}
            {%- endfor %}
        )
        {%- endfor %}
    {{ leadloop.hash_ended() }}
{%- endmacro %}

{# The two ends of a call that makes a hash of a text: 32 hexadecimal digits. #}
{% macro hash_begun() -%}
    {{ return(adapter.dispatch('hash_begun', 'leadloop')()) }}
{%- endmacro %}

{% macro hash_ended() -%}
    {{ return(adapter.dispatch('hash_ended', 'leadloop')()) }}
{%- endmacro %}

{% macro default__hash_begun() -%}md5({%- endmacro %}

{% macro default__hash_ended() -%}){%- endmacro %}

{# The beginning of a call that joins texts, and leaves out those that are NULL. #}
{% macro joined_without_nulls() -%}
    {{ return(adapter.dispatch('joined_without_nulls', 'leadloop')()) }}
{%- endmacro %}

{# A text in that call. #}
{% macro joinable(text) -%}
    {{ return(adapter.dispatch('joinable', 'leadloop')(text)) }}
{%- endmacro %}

{% macro default__joinable(text) -%}{{ return(text) }}{%- endmacro %}

{% macro default__joined_without_nulls() -%}concat({%- endmacro %}

{% macro spark__joined_without_nulls() -%}concat_ws('',{%- endmacro %}
