{# Snowflake's SQL of what macros/runs has for every engine. #}

{# Numbered by itself: only these rows are compared with each other. #}
{% macro snowflake__insert_results(rows) -%}
    {%- set results = leadloop.own_table('dbt_results') -%}
    {%- do leadloop.create_plain_table(results, {
        'invocation_id': 'text', 'unique_id': 'text', 'name': 'text', 'kind': 'text', 'status': 'text',
        'sequence_number': 'bigint', 'recorded_at': 'timestamptz', 'schema_name': 'text'
    }) -%}
    {{ leadloop.inserted_results(results, rows) }}
{%- endmacro %}

{# A column of a view takes no comment afterwards there. #}
{% macro snowflake__create_push_view(view, query, comments) -%}
    {%- do run_query('create or replace view ' ~ view ~ ' comment = ' ~ leadloop.literal(comments[none]) ~ ' as ' ~ query) -%}
{%- endmacro %}

{# As dbt-snowflake does it. #}
{% macro snowflake__comment_model(relation, model, for_relation, for_columns) -%}
    {{ return(dbt.persist_docs(relation, model, for_relation, for_columns)) }}
{%- endmacro %}
