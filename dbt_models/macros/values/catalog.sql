{# The names of a relation's columns, as the database itself has them, also in a unit test; none for one that isn't there. #}
{% macro columns_there(relation) -%}
    {{ return(adapter.dispatch('columns_there', 'leadloop')(relation)) }}
{%- endmacro %}

{% macro default__columns_there(relation) -%}
    {{ return(leadloop.first_column(leadloop.select_columns_of(relation))) }}
{%- endmacro %}

{# Spark has no catalog that could be queried, and Sail describes a table as it was made: without a column that came later, and without
   any where it was only told the table's folder. What a query of the table has is what there is. #}
{% macro spark__columns_there(relation) -%}
    {%- if not run_query('show databases like ' ~ leadloop.literal(relation.schema)).rows
        or not run_query('show tables in ' ~ relation.schema ~ ' like ' ~ leadloop.literal(relation.identifier)).rows
    -%}
        {{ return([]) }}
    {%- endif -%}
    {{ return(run_query('select * from ' ~ relation ~ ' limit 0').column_names | list) }}
{%- endmacro %}

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
