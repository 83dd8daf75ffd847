{# What became of each model and test, recorded in leadloop.dbt_results at the end of every run, whoever ran dbt: a push looks
   there before it sends anything. Commands that make and test nothing (compile, docs) record nothing. #}
{% macro record_results(results) -%}
    {%- set rows = [] -%}
    {%- for result in results if result.node and result.node.resource_type | string in ['model', 'test', 'seed', 'snapshot'] -%}
        {%- do rows.append(
            "('" ~ invocation_id ~ "', " ~ leadloop.literal(result.node.unique_id) ~ ", "
            ~ leadloop.literal(result.node.name) ~ ", '" ~ result.node.resource_type ~ "', '" ~ result.status ~ "', "
            ~ leadloop.literal(result.node.schema) ~ ")"
        ) -%}
    {%- endfor -%}
    {%- if execute and rows and flags.WHICH in ['build', 'run', 'test', 'seed', 'snapshot', 'retry', 'clone'] -%}
begin;
{{ leadloop.create_own_schema() }}
create table if not exists leadloop.dbt_results (
    invocation_id text,
    unique_id text,
    name text,
    kind text,
    status text,
    sequence_number bigint,
    recorded_at timestamptz,
    schema_name text
);
alter table leadloop.dbt_results add column if not exists schema_name text;
insert into leadloop.dbt_results (
    invocation_id, unique_id, name, kind, status, sequence_number, recorded_at, schema_name
)
select invocation_id, unique_id, name, kind, status, numbered.sequence_number, current_timestamp, schema_name
from (values {{ rows | join(', ') }}) as given (invocation_id, unique_id, name, kind, status, schema_name)
cross join (select nextval('leadloop.sequence_number') as sequence_number) as numbered;
commit
    {%- endif -%}
{%- endmacro %}

{# leadloop's own schema, and the sequence that says what happened first: also where leadloop itself never ran. #}
{% macro create_own_schema() -%}
create schema if not exists leadloop;
create sequence if not exists leadloop.sequence_number;
{%- endmacro %}
