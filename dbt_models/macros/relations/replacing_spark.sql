{# How an incremental model of this package replaces leads on Spark. dbt takes these in place of its own macros, in this package alone:
   dbt-spark knows no delete+insert, and Sail can't alter a table.

   One MERGE, so that nobody ever sees a lead without its rows, and a build that is killed changes nothing: its source has each new
   row, for no row of the table, and each lead once, for all of its old rows. The new rows are a table by then: a server makes what a
   view shows again each time that the merge names it. #}
{% macro dbt_spark_validate_get_incremental_strategy(raw_strategy, file_format) -%}
    {%- if raw_strategy != 'delete+insert' or file_format != 'delta' -%}
        {%- do exceptions.raise_compiler_error(
            model.name ~ " needs file_format 'delta' and incremental_strategy 'delete+insert', not '" ~ file_format ~ "' and '"
            ~ raw_strategy ~ "'."
        ) -%}
    {%- endif -%}
    {{ return(raw_strategy) }}
{%- endmacro %}

{% macro dbt_spark_get_incremental_sql(strategy, source, target, existing, unique_key, incremental_predicates) -%}
    {%- do leadloop.add_spark_columns(source, target) -%}
    {%- set rows = leadloop.built_rows(target) -%}
    {%- do run_query(
        'create or replace table ' ~ rows ~ ' using delta options (overwriteSchema "true") as select * from ' ~ source
    ) -%}
    {{ return(leadloop.leads_replaced(adapter.get_columns_in_relation(source), rows, target, unique_key)) }}
{%- endmacro %}

{# The statement, for an engine with MERGE. made: the columns of source, which has the new rows. #}
{% macro leads_replaced(made, source, target, unique_key) -%}
    {%- set columns, keys, alike = [], [], [] -%}
    {%- for column in made -%}{%- do columns.append(column.quoted) -%}{%- endfor -%}
    {%- for key in unique_key -%}
        {%- do keys.append(key ~ ' as _old_' ~ key) -%}
        {%- do alike.append('old._old_' ~ key ~ ' = made.' ~ key) -%}
    {%- endfor -%}
merge into {{ target }} as made
using (
    select
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        {%- for key in unique_key %}
        cast(null as string) as _old_{{ key }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ source }}
    union all
    select distinct
        {%- for column in made %}
        cast(null as {{ column.dtype }}) as {{ column.quoted }},
        {%- endfor %}
        {{ keys | join(', ') }}
    from {{ source }}
) as old
    on {{ alike | join(' and ') }}
when matched then delete
when not matched and old._old_{{ unique_key[0] }} is null then insert ({{ columns | join(', ') }})
values (
    {%- for column in columns %}old.{{ column }}{{ ', ' if not loop.last }}{% endfor -%}
)
{%- endmacro %}

{# Where an incremental model's new rows are until they are in it. It stays, without a row: Sail drops a table and leaves its files. #}
{% macro built_rows(target) -%}
    {{ return(leadloop.built_table('built_rows_' ~ target.schema ~ '_' ~ target.identifier)) }}
{%- endmacro %}

{# Removes them there, once they are in the model. For a post-hook. #}
{% macro rows_are_built(this) -%}
    {{ return(adapter.dispatch('rows_are_built', 'leadloop')(this)) }}
{%- endmacro %}

{# Elsewhere dbt makes a table for them, and drops it. #}
{% macro default__rows_are_built(this) -%}{%- endmacro %}

{% macro spark__rows_are_built(this) -%}
    {%- if execute and leadloop.columns_there(leadloop.built_rows(this)) -%}
delete from {{ leadloop.built_rows(this) }}
    {%- endif -%}
{%- endmacro %}

{# Adds the columns to the table that it lacks: by a merge of no rows, since Sail can't alter a table, and where that added none, as on
   Apache Spark, by altering it. #}
{% macro add_spark_columns(source, target) -%}
    {%- set made = adapter.get_columns_in_relation(source) -%}
    {%- if leadloop.columns_lacking(made, target) -%}
        {%- do run_query(
            'merge with schema evolution into ' ~ target ~ ' as made using (select * from ' ~ source ~ ' where false) as given'
            ~ ' on false when not matched then insert *'
        ) -%}
        {%- set lacking = leadloop.columns_lacking(made, target) -%}
        {%- if lacking -%}
            {%- do run_query('alter table ' ~ target ~ ' add columns (' ~ lacking | join(', ') ~ ')') -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{# Those of the columns that the table lacks, each with its type. #}
{% macro columns_lacking(made, target) -%}
    {%- set there = leadloop.columns_there(target) -%}
    {%- set lacking = [] -%}
    {%- for column in made if column.name not in there -%}
        {%- do lacking.append(column.quoted ~ ' ' ~ column.dtype) -%}
    {%- endfor -%}
    {{ return(lacking) }}
{%- endmacro %}
