{# A text in one of the forms in which values are compared; NULL stays NULL.

   As in connector/push/forms.py, and a test compares the two on both engines. #}
{% macro in_form(value, name, parameter) -%}
    {%- if name == 'digits' -%}
        coalesce(nullif({{ leadloop.digits_of(value) }}, ''), {{ value }})
    {%- elif name == 'lower' -%}
        {{ leadloop.lowered(leadloop.trimmed(value)) }}
    {%- elif name == 'trim' -%}
        {{ leadloop.trimmed(value) }}
    {%- elif name in ['number', 'tolerance'] -%}
        {{ leadloop.plain_number(value) }}
    {%- elif name == 'round' -%}
        {{ leadloop.taking(leadloop.plain_number(value), '_plain', leadloop.rounded('_plain', parameter)) }}
    {%- elif name == 'boolean' -%}
        coalesce({{ leadloop.truth_as_text(leadloop.as_type(leadloop.trimmed(value), 'boolean')) }}, {{ leadloop.trimmed(value) }})
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
        {{ leadloop.part_of(value, 1, parameter) }}
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

{# A short value is put in wherever its name stands: with each lambda in another, Sail plans a query ten times as long. #}
{% macro spark__taking(value, name, body) -%}
    {%- set parts = modules.re.split('\\b' ~ name ~ '\\b', body) -%}
    {%- if (parts | length - 1) * (value | length) < 2000 -%}
        {{ return(parts | join('(' ~ value ~ ')')) }}
    {%- endif -%}
    {{ return('transform(array(' ~ value ~ '), ' ~ name ~ ' -> ' ~ body ~ ')[0]') }}
{%- endmacro %}

{# true or false as a text. #}
{% macro truth_as_text(value) -%}
    {{ return(adapter.dispatch('truth_as_text', 'leadloop')(value)) }}
{%- endmacro %}

{% macro default__truth_as_text(value) -%}cast({{ value }} as {{ leadloop.sql_type('text') }}){%- endmacro %}

{# By its text alone: a cast would fail on what is no number, and on one that is too long. #}
{% macro plain_number(value) -%}
    {{ return(adapter.dispatch('plain_number', 'leadloop')(value)) }}
{%- endmacro %}

{% macro default__plain_number(value) -%}
    {%- set bare = "translate(" ~ value ~ ", ',$' || " ~ leadloop.blanks() ~ ", '')" -%}
    {%- set plain = leadloop.stepped(bare, [
        ('^[+]', ''), ('^(-?)[.]', '\\10.'), ('^(-?)0+([0-9])', '\\1\\2'), ('([.][0-9]*[1-9])0+$', '\\1'), ('[.]0*$', ''),
        ('^-0$', '0')
    ]) -%}
    case
        when {{ leadloop.matches(bare, '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') }} then {{ plain }}
        else {{ leadloop.trimmed(value) }}
    end
{%- endmacro %}

{# Replaces the first thing that looks like a pattern, for one pattern after the other. #}
{% macro stepped(value, steps) -%}
    {%- set found = namespace(sql=value) -%}
    {%- for pattern, plain in steps -%}
        {%- set found.sql = leadloop.replaced(found.sql, pattern, plain) -%}
    {%- endfor -%}
    {{ return(found.sql) }}
{%- endmacro %}

{# Whether a plain number is one that every engine calculates with to the last digit. #}
{% macro is_small_number(plain) -%}
    {{ leadloop.matches(plain, '^-?[0-9]{1,18}([.][0-9]{1,18})?$') }}
{%- endmacro %}

{% macro small_number(plain) -%}
    {{ leadloop.read_as(plain, 'decimal(38, 18)') }}
{%- endmacro %}

{# Half is rounded away from zero. #}
{% macro rounded(plain, places) -%}
    case
        when {{ leadloop.is_small_number(plain) }}
            then {{ leadloop.plain_number(leadloop.rounded_text('round(' ~ leadloop.small_number(plain) ~ ', ' ~ places ~ ')')) }}
        else {{ plain }}
    end
{%- endmacro %}

{# A rounded decimal as a text. #}
{% macro rounded_text(decimal) -%}
    {{ return(adapter.dispatch('rounded_text', 'leadloop')(decimal)) }}
{%- endmacro %}

{% macro default__rounded_text(decimal) -%}
    cast({{ decimal }} as text)
{%- endmacro %}

{# By itself, Spark writes a zero with 18 decimals as 0E-18. #}
{% macro spark__rounded_text(decimal) -%}
    {{ leadloop.decimal_text(decimal) }}
{%- endmacro %}

{# A character by its number, or NULL for what is none; and a number that is written with hexadecimal digits. #}
{% macro character(number) -%}
    case
        when {{ number }} between 1 and 55295 or {{ number }} between 57344 and 1114111 then {{ leadloop.character_of(number) }}
    end
{%- endmacro %}

{% macro character_of(number) -%}
    {{ return(adapter.dispatch('character_of', 'leadloop')(number)) }}
{%- endmacro %}

{% macro default__character_of(number) -%}
    chr({{ number }})
{%- endmacro %}

{# Spark's chr knows 256 characters, so this is UTF-8 by hand: up to three bytes of six bits after the first. #}
{% macro spark__character_of(number) -%}
    {{ return(leadloop.taking(number, '_code', leadloop.utf8('_code'))) }}
{%- endmacro %}

{% macro utf8(number) -%}
    decode(
        unhex(
            case
                when {{ number }} < 128 then lpad(hex({{ number }}), 2, '0')
                when {{ number }} < 2048 then concat(hex(192 + {{ number }} div 64), {{ leadloop.utf8_byte(number, 1) }})
                when {{ number }} < 65536
                    then concat(
                        hex(224 + {{ number }} div 4096), {{ leadloop.utf8_byte(number, 64) }}, {{ leadloop.utf8_byte(number, 1) }}
                    )
                else concat(
                    hex(240 + {{ number }} div 262144), {{ leadloop.utf8_byte(number, 4096) }}, {{ leadloop.utf8_byte(number, 64) }},
                    {{ leadloop.utf8_byte(number, 1) }}
                )
            end
        ),
        'UTF-8'
    )
{%- endmacro %}

{% macro utf8_byte(number, place) -%}
    hex(128 + ({{ number }} div {{ place }}) % 64)
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

{% macro spark__from_hex(text) -%}
    try_cast(conv({{ text }}, 16, 10) as int)
{%- endmacro %}

{# Marks that Unicode has added since version 14, or may add, are in these ranges; engines and languages know other versions of it. #}
{% macro may_be_composed(value) -%}
    {{ return(adapter.dispatch('may_be_composed', 'leadloop')(value)) }}
{%- endmacro %}

{% macro default__may_be_composed(value) -%}
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

{% macro spark__composed(value) -%}
    {%- do leadloop.refuse_push("equal has unicode, and Spark can't compose characters; leave the rule out") -%}
{%- endmacro %}
