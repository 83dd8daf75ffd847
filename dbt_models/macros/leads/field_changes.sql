{# Which fields of a pair of rows differ: one row per pair and field.

   pairs: the name of a CTE or relation, of which columns are carried along. fields: a list of mappings with field (a SQL
   literal), old_value and new_value (SQL expressions over pairs), and whatever else extra names. Fields that are equal are
   left out, except with every=true. #}
{% macro field_changes(pairs, columns, fields, extra=[], every=false) -%}
    {%- if not fields -%}
        {%- set nothing = 'cast(null as ' ~ leadloop.sql_type('text') ~ ')' -%}
        {%- set fields = [{'field': nothing, 'old_value': nothing, 'new_value': nothing}] -%}
    {%- endif -%}
    {{ return(adapter.dispatch('field_changes', 'leadloop')(pairs, columns, fields, ['field', 'old_value', 'new_value'] + extra, every)) }}
{%- endmacro %}

{# PostgreSQL goes through pairs once. A value that is a bare name is a column of pairs. #}
{% macro default__field_changes(pairs, columns, fields, names, every) -%}
    select
        {%- for column in columns %}
        {{ pairs }}.{{ column }},
        {%- endfor %}
        {%- for name in names %}
        compared.{{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ pairs }}
    cross join lateral (
        values
        {%- for each in fields %}
        ({% for name in names %}{{ pairs ~ '.' if modules.re.fullmatch('[a-z_]+_[0-9]+', each[name]) }}{{ each[name] }}{{ ', ' if not loop.last }}{% endfor %}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as compared ({{ names | join(', ') }})
    {%- if not every %}
    where compared.old_value is distinct from compared.new_value
    {%- endif %}
{%- endmacro %}

{# DuckDB would join the lateral by all of its columns at once; going through one column after the other is what it is
   made for, and takes a fifth of the time. #}
{% macro duckdb__field_changes(pairs, columns, fields, names, every) -%}
    {%- for each in fields %}
    {{- 'union all' if not loop.first }}
    select
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        {%- for name in names %}
        {{ each[name] }} as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ pairs }}
    {%- if not every %}
    where {{ leadloop.texts_differ(each['old_value'], each['new_value']) }}
    {%- endif %}
    {% endfor %}
{%- endmacro %}

{# Spark goes through pairs once, as PostgreSQL does. #}
{% macro spark__field_changes(pairs, columns, fields, names, every) -%}
    select *
    from (
        select
            {%- for column in columns %}
            {{ column }},
            {%- endfor %}
            stack(
                {{ fields | length }}
                {%- for each in fields -%}
                {%- for name in names %}, {{ each[name] }}{% endfor -%}
                {%- endfor %}
            ) as ({{ names | join(', ') }})
        from {{ pairs }}
    ) as compared
    {%- if not every %}
    where old_value is distinct from new_value
    {%- endif %}
{%- endmacro %}

{# Texts (SQL expressions) as one list; NULL for none. #}
{% macro list_of(texts) -%}
    {{ return(adapter.dispatch('list_of', 'leadloop')(texts)) }}
{%- endmacro %}

{% macro default__list_of(texts) -%}
    {{ return('array[' ~ texts | join(', ') ~ ']' if texts else 'cast(null as text[])') }}
{%- endmacro %}

{% macro duckdb__list_of(texts) -%}
    {{ return('[' ~ texts | join(', ') ~ ']' if texts else 'cast(null as varchar[])') }}
{%- endmacro %}

{% macro spark__list_of(texts) -%}
    {{ return('array(' ~ texts | join(', ') ~ ')' if texts else 'cast(null as array<string>)') }}
{%- endmacro %}

{# Which entries of two lists differ, one row each: these columns of pairs, and field, old_value, new_value.

   pairs: a relation or CTE with the lists shown_before and shown_after; names: those of the entries, in their order. #}
{% macro entries_that_differ(pairs, columns, names) -%}
    {{ return(adapter.dispatch('entries_that_differ', 'leadloop')(pairs, columns, names)) }}
{%- endmacro %}

{# Names as one list. #}
{% macro list_of_names(names) -%}
    {%- set literals = [] -%}
    {%- for name in names -%}{%- do literals.append(leadloop.literal(name)) -%}{%- endfor -%}
    {{ return(leadloop.list_of(literals)) }}
{%- endmacro %}

{% macro default__entries_that_differ(pairs, columns, names) -%}
    select
        {%- for column in columns %}
        {{ pairs }}.{{ column }},
        {%- endfor %}
        entries.field,
        entries.old_value,
        entries.new_value
    from {{ pairs }}
    cross join lateral unnest(
        {{ leadloop.list_of_names(names) }}, {{ pairs }}.shown_before, {{ pairs }}.shown_after
    ) as entries (field, old_value, new_value)
    where entries.old_value is distinct from entries.new_value
{%- endmacro %}

{% macro duckdb__entries_that_differ(pairs, columns, names) -%}
    select *
    from (
        select
            {%- for column in columns %}
            {{ column }},
            {%- endfor %}
            unnest({{ leadloop.list_of_names(names) }}) as field,
            unnest(shown_before) as old_value,
            unnest(shown_after) as new_value
        from {{ pairs }}
    ) as entries
    where old_value is distinct from new_value
{%- endmacro %}

{% macro spark__entries_that_differ(pairs, columns, names) -%}
    select *
    from (
        select
            {%- for column in columns %}
            {{ column }},
            {%- endfor %}
            inline(arrays_zip({{ leadloop.list_of_names(names) }}, shown_before, shown_after)) as (field, old_value, new_value)
        from {{ pairs }}
    ) as entries
    where old_value is distinct from new_value
{%- endmacro %}
