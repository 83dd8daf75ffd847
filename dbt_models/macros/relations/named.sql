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
    {{ return(leadloop.without_database(
        api.Relation.create(database=leadloop.ledger_database(), schema='leadloop', identifier=name, type='table')
    )) }}
{%- endmacro %}

{# Whether the target is a lake: it has what leadloop writes in a ledger beside it, and knows less SQL than the engine that asks it. #}
{% macro is_lake() -%}
    {{ return((target.attach or []) | selectattr('alias', 'equalto', 'ledger') | list | length > 0) }}
{%- endmacro %}

{# Whether the target is a database in MotherDuck: what leadloop writes is a copy there, without its sequence. #}
{% macro is_motherduck() -%}
    {{ return(target.type == 'duckdb' and (target.name == 'motherduck' or target.path.startswith('md:'))) }}
{%- endmacro %}

{# The database in which the models are; none for Spark, where a schema is all there is. #}
{% macro target_database() -%}
    {{ return(target.database or none) }}
{%- endmacro %}

{# Whether that ledger is a PostgreSQL database, since the catalog of the lake is: DuckDB then only hands on what is asked of it. #}
{% macro is_ledger_on_server() -%}
    {%- set ledger = (target.attach or []) | selectattr('alias', 'equalto', 'ledger') | list -%}
    {{ return(ledger | length > 0 and ledger[0].path.startswith('postgres:')) }}
{%- endmacro %}

{# The database that has what leadloop writes. #}
{% macro ledger_database() -%}
    {{ return('ledger' if leadloop.is_lake() else leadloop.target_database()) }}
{%- endmacro %}

{# A name in the schema leadloop of that database, as SQL has it. #}
{% macro in_ledger(name) -%}
    {{ return(('ledger.' if leadloop.is_lake() else '') ~ 'leadloop.' ~ name) }}
{%- endmacro %}

{# A table that the models write besides themselves, in the transaction in which they are made: so it is where they are. #}
{% macro built_table(name) -%}
    {{ return(leadloop.table_in('leadloop', name)) }}
{%- endmacro %}

{# A table of the target's database. #}
{% macro table_in(schema, name) -%}
    {{ return(leadloop.without_database(
        api.Relation.create(database=leadloop.target_database(), schema=schema, identifier=name, type='table')
    )) }}
{%- endmacro %}
