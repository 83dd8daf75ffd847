{# Redshift's SQL of what macros/runs has for every engine. #}

{# Numbered by itself: only these rows are compared with each other. "values" is no table there. #}
{% macro redshift__insert_results(rows) -%}
    {%- set results = leadloop.own_table('dbt_results') -%}
    {%- do leadloop.create_plain_table(results, {
        'invocation_id': 'text', 'unique_id': 'text', 'name': 'text', 'kind': 'text', 'status': 'text',
        'sequence_number': 'bigint', 'recorded_at': 'timestamptz', 'schema_name': 'text'
    }) -%}
    {%- set number = run_query('select 1 + coalesce(max(sequence_number), 0) from ' ~ results).rows[0][0] -%}
    {%- set numbered = [] -%}
    {%- for row in rows -%}{%- do numbered.append(row[:-1] ~ ', ' ~ number ~ ', ' ~ leadloop.now() ~ ')') -%}{%- endfor -%}
insert into {{ results }} (invocation_id, unique_id, name, kind, status, schema_name, sequence_number, recorded_at)
values {{ numbered | join(', ') }}
{%- endmacro %}

{# svv_columns has the columns of late-binding views as well. #}
{% macro redshift__columns_in_schemas(schemas) -%}
    {%- set literals = [] -%}
    {%- for each in schemas -%}{%- do literals.append(leadloop.literal(each | lower)) -%}{%- endfor -%}
    {%- set rows = run_query(
        'select lower(columns.table_schema), lower(columns.table_name), lower(columns.column_name), tables.table_type'
        ~ ' from svv_columns as columns left join svv_tables as tables'
        ~ ' on columns.table_catalog = tables.table_catalog and columns.table_schema = tables.table_schema'
        ~ ' and columns.table_name = tables.table_name'
        ~ ' where columns.table_catalog = ' ~ leadloop.literal(target.database)
        ~ ' and lower(columns.table_schema) in (' ~ literals | join(', ') ~ ')'
    ).rows -%}
    {%- set found = {'': []} -%}
    {%- for schema, name, column, kind in rows -%}
        {%- do found.setdefault(schema ~ '.' ~ name, []).append(column) -%}
        {%- do found[''].append(schema ~ '.' ~ name) if kind and kind != 'VIEW' -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# As dbt-redshift does it. #}
{% macro redshift__comment_model(relation, model, for_relation, for_columns) -%}
    {{ return(dbt.persist_docs(relation, model, for_relation, for_columns)) }}
{%- endmacro %}
