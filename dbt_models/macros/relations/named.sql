{# What the package's models say when they name another model or a source: dbt takes these in place of its own in this package
   alone. See without_database.

   A macro that is called from a model of another project, such as push, has to say leadloop.ref itself. #}
{% macro ref() -%}
    {{ return(leadloop.without_database(builtins.ref(*varargs, **kwargs))) }}
{%- endmacro %}

{% macro source() -%}
    {{ return(leadloop.without_database(builtins.source(*varargs))) }}
{%- endmacro %}

{# A table in the schema leadloop, which dbt does not know as a source. #}
{% macro own_table(name) -%}
    {{ return(leadloop.table_in('leadloop', name)) }}
{%- endmacro %}

{# A table of the target's database. #}
{% macro table_in(schema, name) -%}
    {{ return(leadloop.without_database(
        api.Relation.create(database=target.database, schema=schema, identifier=name, type='table')
    )) }}
{%- endmacro %}
