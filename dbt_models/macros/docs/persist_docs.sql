{# Writes what the models' pages say into the warehouse, as comments, so that any SQL client shows it. dbt takes this in place of its
   own macro, in this package alone: dbt's needs three statements for each model, whether or not anything has changed.

   A view is new with every build, so it is told all of it in one statement, and its columns are those of its page. A table that
   stays is asked what it says, and told what differs; it may lack a column that the page has. #}
{% macro persist_docs(relation, model, for_relation=true, for_columns=true) -%}
    {{ return(adapter.dispatch('comment_model', 'leadloop')(relation, model, for_relation, for_columns)) }}
{%- endmacro %}

{# dbt-spark says it all where it makes a view. Of a table nothing is said: Sail takes no comment on one, nor on its columns. #}
{% macro spark__comment_model(relation, model, for_relation, for_columns) -%}{%- endmacro %}

{# A part of dbt-spark's statement that makes a table or view. dbt takes this in place of its own macro, in this package alone. #}
{% macro comment_clause() -%}
    {%- if config.get('materialized') == 'view' and config.persist_relation_docs() and model.description %}
comment {{ leadloop.literal(model.description | trim) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__comment_model(relation, model, for_relation, for_columns) -%}
    {%- set comments = {} -%}
    {%- if for_relation and config.persist_relation_docs() and model.description -%}
        {%- do comments.update({none: model.description | trim}) -%}
    {%- endif -%}
    {%- if for_columns and config.persist_column_docs() -%}
        {%- for name, column in model.columns.items() if column['description'] -%}
            {%- do comments.update({name: column['description'] | trim}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set kind = 'view' if model.config.materialized == 'view' else 'table' -%}
    {%- if kind == 'table' and comments -%}
        {%- set said = {} -%}
        {%- for column, comment in run_query(leadloop.select_comments(relation)).rows -%}
            {%- do said.update({column: comment}) -%}
        {%- endfor -%}
        {%- for column in comments | list if column not in said or said[column] == comments[column] -%}
            {%- do comments.pop(column) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if comments -%}
        {%- do run_query(leadloop.comment_on(kind, relation, comments)) -%}
    {%- endif -%}
{%- endmacro %}

{# Statements; comments: column -> text, none -> that of the relation itself. #}
{% macro comment_on(kind, relation, comments) -%}
    {#- A lake keeps no comments on the columns of a view. -#}
    {%- for column, comment in comments.items() if column is none or kind == 'table' or not leadloop.is_lake() %}
        {%- if column is none %}
comment on {{ kind }} {{ relation }} is {{ leadloop.literal(comment) }};
        {%- else %}
comment on column {{ relation }}.{{ leadloop.quoted(column) }} is {{ leadloop.literal(comment) }};
        {%- endif %}
    {%- endfor %}
{%- endmacro %}

{# A query of what a table says now: its columns and their comments; NULL as a column for the table itself. #}
{% macro select_comments(relation) -%}
    {{ return(adapter.dispatch('select_comments', 'leadloop')(relation)) }}
{%- endmacro %}

{% macro default__select_comments(relation) -%}
    select
        columns.attname as column_name,
        descriptions.description as said
    from pg_attribute as columns
    left join pg_description as descriptions
        on
            columns.attrelid = descriptions.objoid
            and columns.attnum = descriptions.objsubid
            and descriptions.classoid = cast('pg_class' as regclass)
    where
        columns.attrelid = cast('{{ relation }}' as regclass)
        and columns.attnum > 0
        and not columns.attisdropped
    union all
    select
        null as column_name,
        obj_description(cast('{{ relation }}' as regclass), 'pg_class') as said
{%- endmacro %}

{% macro duckdb__select_comments(relation) -%}
    {%- if leadloop.is_lake() -%}{{ return(leadloop.select_comments_in_lake(relation)) }}{%- endif -%}
    select
        column_name,
        comment as said
    from duckdb_columns()
    where
        lower(database_name) = lower('{{ relation.database }}')
        and lower(schema_name) = lower('{{ relation.schema }}')
        and lower(table_name) = lower('{{ relation.identifier }}')
    union all
    select
        null as column_name,
        comment as said
    from duckdb_tables()
    where
        lower(database_name) = lower('{{ relation.database }}')
        and lower(schema_name) = lower('{{ relation.schema }}')
        and lower(table_name) = lower('{{ relation.identifier }}')
{%- endmacro %}

{# From the lake's own catalog, for the reason that select_columns_in_lake gives. A table of this transaction says nothing there yet. #}
{% macro select_comments_in_lake(relation) -%}
    {%- set catalog = '__ducklake_metadata_' ~ relation.database -%}
    {%- set of_table -%}
        inner join {{ catalog }}.ducklake_table as tables on tags.TABLE = tables.table_id
        inner join {{ catalog }}.ducklake_schema as schemas on tables.schema_id = schemas.schema_id
    where
        tags.key = 'comment'
        and tags.end_snapshot is null
        and tables.end_snapshot is null
        and schemas.end_snapshot is null
        and lower(schemas.schema_name) = lower('{{ relation.schema }}')
        and lower(tables.table_name) = lower('{{ relation.identifier }}')
    {%- endset -%}
    select
        described.column_name,
        told.said
    from (describe {{ relation }}) as described
    left join (
        select
            columns.column_name,
            tags.value as said
        from {{ catalog }}.ducklake_column_tag as tags
        inner join {{ catalog }}.ducklake_column as columns
            on
                tags.table_id = columns.table_id
                and tags.column_id = columns.column_id
                and columns.end_snapshot is null
        {{ of_table | replace('TABLE', 'table_id') }}
    ) as told on described.column_name = told.column_name
    union all
    select
        null as column_name,
        (
            select max(tags.value)
            from {{ catalog }}.ducklake_tag as tags
            {{ of_table | replace('TABLE', 'object_id') }}
        ) as said
{%- endmacro %}
