{# A text in one of the forms in which values are compared; NULL stays NULL.

   As in connector/push/forms.py, and a test compares the two on both engines. #}
{% macro in_form(value, name, parameter) -%}
    {%- if name == 'digits' -%}
        coalesce(nullif(regexp_replace({{ value }}, '[^0-9]', '', 'g'), ''), {{ value }})
    {%- elif name == 'lower' -%}
        {{ leadloop.lowered(leadloop.trimmed(value)) }}
    {%- elif name == 'trim' -%}
        {{ leadloop.trimmed(value) }}
    {%- elif name in ['number', 'tolerance'] -%}
        {{ leadloop.plain_number(value) }}
    {%- elif name == 'round' -%}
        {{ leadloop.taking(leadloop.plain_number(value), '_plain', leadloop.rounded('_plain', parameter)) }}
    {%- elif name == 'boolean' -%}
        coalesce(cast({{ leadloop.as_type(leadloop.trimmed(value), 'boolean') }} as text), {{ leadloop.trimmed(value) }})
    {%- elif name == 'date' -%}
        {{ leadloop.taking(leadloop.calendar(value, parameter), '_day', leadloop.day_of('_day', leadloop.trimmed(value))) }}
    {%- elif name == 'time' -%}
        {{ leadloop.taking(leadloop.calendar(value, parameter), '_day', leadloop.moment_of('_day', leadloop.trimmed(value))) }}
    {%- elif name == 'list' -%}
        {{ leadloop.taking(leadloop.trimmed(value), '_list', leadloop.in_any_order('_list')) }}
    {%- elif name == 'html' -%}
        case when {{ value }} like '%&%' then {{ leadloop.html_decoded(value) }} else {{ value }} end
    {%- elif name == 'lines' -%}
        replace(replace({{ value }}, chr(13) || chr(10), chr(10)), chr(13), chr(10))
    {%- elif name == 'unicode' -%}
        case when {{ leadloop.may_be_composed(value) }} then {{ leadloop.composed(value) }} else {{ value }} end
    {%- else -%}
        substr({{ value }}, 1, {{ parameter }})
    {%- endif -%}
{%- endmacro %}

{# An expression (body) that uses a value several times by a name, worked out once. #}
{% macro taking(value, name, body) -%}
    {{ return(adapter.dispatch('taking', 'leadloop')(value, name, body)) }}
{%- endmacro %}

{# Without an "offset", PostgreSQL would put the value in wherever its name stands. #}
{% macro default__taking(value, name, body) -%}
    (select {{ body }} from (select {{ value }} as {{ name }} limit all offset 0) as {{ name }}_taken)
{%- endmacro %}

{% macro duckdb__taking(value, name, body) -%}
    list_transform([{{ value }}], lambda {{ name }}: {{ body }})[1]
{%- endmacro %}

{# By its text alone: a cast would fail on what is no number, and on one that is too long. #}
{% macro plain_number(value) -%}
    {%- set bare = "translate(" ~ value ~ ", ',$' || " ~ leadloop.blanks() ~ ", '')" -%}
    {%- set plain = leadloop.stepped(bare, [
        ('^[+]', ''), ('^(-?)[.]', '\\10.'), ('^(-?)0+([0-9])', '\\1\\2'), ('([.][0-9]*[1-9])0+$', '\\1'), ('[.]0*$', ''),
        ('^-0$', '0')
    ]) -%}
    case
        when {{ bare }} ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$' then {{ plain }}
        else {{ leadloop.trimmed(value) }}
    end
{%- endmacro %}

{# Replaces the first thing that looks like a pattern, for one pattern after the other. #}
{% macro stepped(value, steps) -%}
    {%- set found = namespace(sql=value) -%}
    {%- for pattern, plain in steps -%}
        {%- set found.sql = "regexp_replace(" ~ found.sql ~ ", '" ~ pattern ~ "', '" ~ plain ~ "')" -%}
    {%- endfor -%}
    {{ return(found.sql) }}
{%- endmacro %}

{# Whether a plain number is one that every engine calculates with to the last digit. #}
{% macro is_small_number(plain) -%}
    {{ plain }} ~ '^-?[0-9]{1,18}([.][0-9]{1,18})?$'
{%- endmacro %}

{% macro small_number(plain) -%}
    cast({{ plain }} as decimal(38, 18))
{%- endmacro %}

{# Half is rounded away from zero. #}
{% macro rounded(plain, places) -%}
    case
        when {{ leadloop.is_small_number(plain) }}
            then {{ leadloop.plain_number('cast(round(' ~ leadloop.small_number(plain) ~ ', ' ~ places ~ ') as text)') }}
        else {{ plain }}
    end
{%- endmacro %}

{# A character by its number, or NULL for what is none; and a number that is written with hexadecimal digits. #}
{% macro character(number) -%}
    case when {{ number }} between 1 and 55295 or {{ number }} between 57344 and 1114111 then chr({{ number }}) end
{%- endmacro %}

{% macro from_hex(text) -%}
    {{ return(adapter.dispatch('from_hex', 'leadloop')(text)) }}
{%- endmacro %}

{% macro default__from_hex(text) -%}
    cast(cast('x' || lpad({{ text }}, 8, '0') as bit(32)) as integer)
{%- endmacro %}

{% macro duckdb__from_hex(text) -%}
    cast('0x' || {{ text }} as integer)
{%- endmacro %}

{# Marks that Unicode has added since version 14, or may add, are in these ranges; engines and languages know other versions of it. #}
{% macro may_be_composed(value) -%}
    {%- set growing = [] -%}
    {%- for first, last in [(2160, 2303), (65536, 118783), (122880, 126975)] -%}
        {%- do growing.append('chr(' ~ first ~ ") || '-' || chr(" ~ last ~ ')') -%}
    {%- endfor -%}
    {{ value }} ~ ('^[^' || {{ growing | join(' || ') }} || ']*$')
{%- endmacro %}

{% macro composed(value) -%}
    {{ return(adapter.dispatch('composed', 'leadloop')(value)) }}
{%- endmacro %}

{% macro default__composed(value) -%}
    normalize({{ value }}, nfc)
{%- endmacro %}

{% macro duckdb__composed(value) -%}
    nfc_normalize({{ value }})
{%- endmacro %}
