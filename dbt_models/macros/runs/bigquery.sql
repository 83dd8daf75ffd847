{# BigQuery's SQL of what macros/runs has for every engine. #}

{% macro bigquery__insert_results(rows) -%}{{ return(leadloop.snowflake__insert_results(rows)) }}{%- endmacro %}

{# "values" is no table there. #}
{% macro bigquery__given_results(rows) -%}
    unnest(array<struct<
        invocation_id string, unique_id string, name string, kind string, status string, schema_name string
    >>[{{ rows | join(', ') }}]) as given
{%- endmacro %}

{% macro bigquery__create_push_view(view, query, comments) -%}
    {%- do run_query(
        'create or replace view ' ~ view ~ ' options (description = ' ~ leadloop.literal(comments[none]) ~ ') as ' ~ query
    ) -%}
{%- endmacro %}

{# As dbt-bigquery does it. #}
{% macro bigquery__comment_model(relation, model, for_relation, for_columns) -%}
    {{ return(dbt.persist_docs(relation, model, for_relation, for_columns)) }}
{%- endmacro %}

{# Every dataset has a catalog of its own. #}
{% macro bigquery__columns_in_schemas(schemas) -%}
    {%- set found = {'': []} -%}
    {%- for schema in schemas -%}
        {%- set dataset = api.Relation.create(database=target.database, schema=schema, identifier='none') -%}
        {%- set relations = adapter.list_relations_without_caching(dataset.without_identifier()) -%}
        {%- for relation in relations if not relation.is_view -%}
            {%- do found[''].append((schema ~ '.' ~ relation.identifier) | lower) -%}
        {%- endfor -%}
        {%- if relations -%}
            {%- for name, column in run_query(
                'select lower(table_name), lower(column_name) from ' ~ dataset.information_schema('COLUMNS')
            ).rows -%}
                {%- do found.setdefault((schema ~ '.' ~ name) | lower, []).append(column) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}
