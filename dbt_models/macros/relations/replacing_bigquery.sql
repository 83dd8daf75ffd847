{# How an incremental model of this package replaces leads on BigQuery. dbt takes these in place of its own macros, in this package
   alone: dbt-bigquery knows no delete+insert, and its merge takes a key that one row has. #}
{% macro dbt_bigquery_validate_get_incremental_strategy(config) -%}
    {{ return(config.get('incremental_strategy')) }}
{%- endmacro %}

{# The new rows are in a table of their own by now, since a new column is to be appended. #}
{% macro bq_generate_incremental_build_sql(
    strategy, tmp_relation, target_relation, sql, unique_key, partition_by, partitions, dest_columns, tmp_relation_exists,
    copy_partitions, incremental_predicates
) -%}
    {{ return(leadloop.leads_replaced(dest_columns, tmp_relation, target_relation, unique_key)) }}
{%- endmacro %}
