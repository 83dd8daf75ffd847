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
    select column_name
    from duckdb_columns()
    where
        lower(database_name) = lower('{{ relation.database }}')
        and lower(schema_name) = lower('{{ relation.schema }}')
        and lower(table_name) = lower('{{ relation.identifier }}')
    order by column_index
{%- endmacro %}
