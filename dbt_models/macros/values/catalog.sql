{# A query for the names of a relation's columns, in their order; no rows for one that isn't there. #}
{% macro select_columns_of(relation) -%}
    {{ return(adapter.dispatch('select_columns_of', 'leadloop')(relation)) }}
{%- endmacro %}

{% macro default__select_columns_of(relation) -%}
    select column_name
    from {{ relation.information_schema('columns') }}
    where table_schema = '{{ relation.schema }}' and table_name = '{{ relation.identifier }}'
    order by ordinal_position
{%- endmacro %}

{# Names are the same there whatever their case. #}
{% macro duckdb__select_columns_of(relation) -%}
    {%- if leadloop.is_lake() -%}{{ return(leadloop.select_columns_in_lake(relation)) }}{%- endif -%}
    select column_name
    from duckdb_columns()
    where
        lower(database_name) = lower('{{ relation.database }}')
        and lower(schema_name) = lower('{{ relation.schema }}')
        and lower(table_name) = lower('{{ relation.identifier }}')
    order by column_index
{%- endmacro %}

{# A lake would look at all its views for duckdb_columns(), which takes a second each time; whether a name is there, it knows at once. #}
{% macro select_columns_in_lake(relation) -%}
    {%- set found = run_query(
        "select 1 from duckdb_tables() where " ~ leadloop.is_named(relation, 'table_name')
        ~ " union all select 1 from duckdb_views() where " ~ leadloop.is_named(relation, 'view_name')
    ) -%}
    {%- if not found.rows -%}{{ return("select cast(null as text) as column_name where false") }}{%- endif -%}
    {{ return(
        'select column_name from (describe ' ~ adapter.quote(relation.database) ~ '.' ~ adapter.quote(relation.schema) ~ '.'
        ~ adapter.quote(relation.identifier) ~ ')'
    ) }}
{%- endmacro %}

{# A condition on a row of DuckDB's catalog: that it is of this relation. #}
{% macro is_named(relation, name) -%}
    lower(database_name) = lower('{{ relation.database }}')
    and lower(schema_name) = lower('{{ relation.schema }}')
    and lower({{ name }}) = lower('{{ relation.identifier }}')
{%- endmacro %}
