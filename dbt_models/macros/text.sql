{# A text, or NULL where there is nothing but spaces in it. #}
{% macro blank_as_null(value) -%}
    case when rtrim({{ value }}, ' ') <> '' then {{ value }} end
{%- endmacro %}

{# A raw column as text, blank as NULL; NULL where the table, which has these columns, lacks it. #}
{% macro blanked(column, columns) -%}
    {%- if column in columns -%}
    {{ leadloop.blank_as_null('cast(' ~ adapter.quote(column) ~ ' as text)') }}
    {%- else -%}
    cast(null as text)
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

{# A SQL literal. #}
{% macro literal(text) -%}
    '{{ text | replace("'", "''") }}'
{%- endmacro %}

{# Any value as the text that a CRM would show: a whole number that a calculation left as 5.00 is 5, and 2.50 is 2.5.
   Without this, a score that is computed with decimals would differ from the one the CRM shows for ever. #}
{% macro as_text(value) -%}
    case
        when {{ leadloop.has_fraction(value) }} and cast({{ value }} as text) not like '%e%'
            and cast({{ value }} as text) like '%.%'
            then rtrim(rtrim(cast({{ value }} as text), '0'), '.')
        else cast({{ value }} as text)
    end
{%- endmacro %}

{# Whether a value is of a type that can have decimals. #}
{% macro has_fraction(value) -%}
    {{ return(adapter.dispatch('has_fraction', 'leadloop')(value)) }}
{%- endmacro %}

{% macro default__has_fraction(value) -%}
    pg_typeof({{ value }}) in ('numeric'::regtype, 'double precision'::regtype, 'real'::regtype)
{%- endmacro %}

{% macro duckdb__has_fraction(value) -%}
    (typeof({{ value }}) in ('FLOAT', 'DOUBLE') or typeof({{ value }}) like 'DECIMAL%')
{%- endmacro %}

{# One hash for the content of a row: md5 over name=value; of every column that is not NULL, sorted by name.

   NULLs are left out (concat skips them), so that a column that appears next year leaves the hashes of the older rows
   alone. A semicolon within a value is doubled, so that no value can look like the beginning of the next column. #}
{% macro content_hash(columns) -%}
    md5(
        {%- for some in columns | sort | batch(50) %}
        {{- ' ||' if not loop.first }}
        concat(
            {%- for column in some %}
            '{{ column }}=' || replace({{ adapter.quote(column) }}, ';', ';;') || ';'{{ ',' if not loop.last }}
            {%- endfor %}
        )
        {%- endfor %}
    )
{%- endmacro %}
