{# BigQuery's SQL of what macros/leads has for every engine. A statement is a transaction of its own there, as on Snowflake and Spark:
   what is noted beside a table is noted as there, and a build that is killed anywhere is made good by the next one. #}

{% macro bigquery__note_loads(this) -%}{{ return(leadloop.snowflake__note_loads(this)) }}{%- endmacro %}

{% macro bigquery__next_build_number() -%}{{ leadloop.next_of_the_tables() }}{%- endmacro %}

{% macro bigquery__note_builds(this, history) -%}{{ return(leadloop.snowflake__note_builds(this, history)) }}{%- endmacro %}

{% macro bigquery__journal_read() -%}{{ return('journal_before') }}{%- endmacro %}

{% macro bigquery__builds_are_made(this) -%}{{ leadloop.spark__builds_are_made(this) }}{%- endmacro %}

{% macro bigquery__rows_inserted(raw) -%}{{ return(none) }}{%- endmacro %}

{# How many rows a table has, BigQuery knows without counting. #}
{% macro bigquery__suspected_loads(leads, this, log, inserted) -%}
    {{ return(leadloop.duckdb__suspected_loads(leads, this, log, inserted)) }}
{%- endmacro %}

{% macro bigquery__index_raw(leads) -%}{%- endmacro %}

{# Several columns are one value there. #}
{% macro bigquery__is_lead_of(leads) -%}
    (crm, lead_id) in (select ({{ leads }}.crm, {{ leads }}.lead_id) from {{ leads }})
{%- endmacro %}

{# Rows have no numbers. Two of which everything is alike have one hash: see rows_once. #}
{% macro bigquery__row_of(raw) -%}
    {%- set columns = [] -%}
    {%- for column in leadloop.columns_of(raw) | sort -%}{%- do columns.append(leadloop.quoted(column)) -%}{%- endfor -%}
    {{ return('to_hex(md5(to_json_string(struct(' ~ columns | join(', ') ~ '))))') }}
{%- endmacro %}

{% macro bigquery__rows_once(sighted, fields) -%}{{ leadloop.spark__rows_once(sighted, fields) }}{%- endmacro %}

{# BigQuery works a CTE out anew wherever its name stands: pairs is named once. #}
{% macro bigquery__field_changes(pairs, columns, fields, names, every) -%}
    select
        {%- for column in columns %}
        {{ pairs }}.{{ column }},
        {%- endfor %}
        {%- for name in names %}
        compared.{{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ pairs }}
    cross join unnest([
        {%- for each in fields %}
        struct({% for name in names %}{{ each[name] }} as {{ name }}{{ ', ' if not loop.last }}{% endfor %}){{ ',' if not loop.last }}
        {%- endfor %}
    ]) as compared
    {%- if not every %}
    where compared.old_value is distinct from compared.new_value
    {%- endif %}
{%- endmacro %}

{# A list may hold a NULL there within a statement, though not in its result. #}
{% macro bigquery__list_of(texts) -%}
    {{ return('[' ~ texts | join(', ') ~ ']' if texts else 'cast([] as array<string>)') }}
{%- endmacro %}

{% macro bigquery__entries_that_differ(pairs, columns, names) -%}
    select
        {%- for column in columns %}
        {{ pairs }}.{{ column }},
        {%- endfor %}
        field,
        {{ pairs }}.shown_before[safe_offset(place)] as old_value,
        {{ pairs }}.shown_after[safe_offset(place)] as new_value
    from {{ pairs }}
    cross join unnest({{ leadloop.list_of_names(names) }}) as field with offset as place
    where {{ pairs }}.shown_before[safe_offset(place)] is distinct from {{ pairs }}.shown_after[safe_offset(place)]
{%- endmacro %}

{% macro bigquery__names_in_more(relation, object, columns) -%}
    select
        {{ columns | join(', ') }},
        field
    from {{ relation }}
    cross join unnest(json_keys(safe.parse_json({{ object }}), 1)) as field
{%- endmacro %}
