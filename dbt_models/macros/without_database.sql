{# A relation as a view should name it: without the database, if that is the target's own. DuckDB names a database after its file,
   so a view that holds the name can't be read in a copy of the file under another name, or in one that is attached. leadloop's own
   views are written so. For the views of another project, its own macros ref and source return

       leadloop.without_database(builtins.ref(...))

   On BigQuery the database is the project, which isn't the one that every session takes a name to be in.

   relation: what builtins.ref() or builtins.source() gives.

   A schema that has the database's own name needs both names, or DuckDB can't tell which is meant. #}
{% macro without_database(relation) -%}
    {%- set database = relation.database or '' -%}
    {%- if target.type == 'bigquery' or database | lower != target.database | lower or database | lower == relation.schema | lower -%}
        {{ return(relation) }}
    {%- endif -%}
    {{ return(relation.include(database=false)) }}
{%- endmacro %}
