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
        {{ return(adapter.dispatch('insert_results', 'leadloop')(rows)) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__insert_results(rows) -%}
begin;
{{ leadloop.create_own_schema(leadloop.ledger_database()) }}
create table if not exists {{ leadloop.in_ledger('dbt_results') }} (
    invocation_id text,
    unique_id text,
    name text,
    kind text,
    status text,
    sequence_number bigint,
    recorded_at timestamptz,
    schema_name text
);
alter table {{ leadloop.in_ledger('dbt_results') }} add column if not exists schema_name text;
insert into {{ leadloop.in_ledger('dbt_results') }} (
    invocation_id, unique_id, name, kind, status, sequence_number, recorded_at, schema_name
)
select invocation_id, unique_id, name, kind, status, numbered.sequence_number, current_timestamp, schema_name
from (values {{ rows | join(', ') }}) as given (invocation_id, unique_id, name, kind, status, schema_name)
cross join (select {{ leadloop.next_number() }} as sequence_number) as numbered;
commit
{%- endmacro %}

{# Numbered by itself: Spark has no sequence, and only these rows are compared with each other. #}
{% macro spark__insert_results(rows) -%}
    {%- set results = leadloop.own_table('dbt_results') -%}
    {%- do leadloop.create_spark_table(results, {
        'invocation_id': 'text', 'unique_id': 'text', 'name': 'text', 'kind': 'text', 'status': 'text',
        'sequence_number': 'bigint', 'recorded_at': 'timestamptz', 'schema_name': 'text'
    }) -%}
    {{ leadloop.inserted_results(results, rows) }}
{%- endmacro %}

{% macro inserted_results(results, rows) -%}
insert into {{ results }} (
    invocation_id, unique_id, name, kind, status, sequence_number, recorded_at, schema_name
)
select invocation_id, unique_id, name, kind, status, numbered.sequence_number, current_timestamp, schema_name
from {{ leadloop.given_results(rows) }}
cross join (select 1 + coalesce(max(known.sequence_number), 0) as sequence_number from {{ results }} as known) as numbered
{%- endmacro %}

{# Rows of texts, each written as (…, …), as a table. #}
{% macro given_results(rows) -%}
    {{ return(adapter.dispatch('given_results', 'leadloop')(rows)) }}
{%- endmacro %}

{% macro default__given_results(rows) -%}
    (values {{ rows | join(', ') }}) as given (invocation_id, unique_id, name, kind, status, schema_name)
{%- endmacro %}

{# leadloop's own schema, and the sequence that says what happened first: also where leadloop itself never ran. A lake that has a
   ledger beside it has such a schema as well, and no sequence.

   database: the target's own, or the ledger. #}
{% macro create_own_schema(database=none) -%}
    {%- set is_ledger = (database or target.database) == leadloop.ledger_database() -%}
    {%- set schema = 'leadloop' if (database or target.database) == target.database else database ~ '.leadloop' -%}
create schema if not exists {{ schema }};
    {%- if is_ledger and not leadloop.is_motherduck() %}
        {%- if leadloop.is_ledger_on_server() %}
call postgres_execute('{{ database }}', 'create sequence if not exists leadloop.sequence_number');
        {%- else %}
create sequence if not exists {{ schema }}.sequence_number;
        {%- endif %}
    {%- endif %}
{%- endmacro %}

{# The next number of the sequence that says what happened first: a scalar. DuckDB knows no sequences of another server's. Where there
   is none, only these rows are compared with each other. #}
{% macro next_number() -%}
    {%- if leadloop.is_motherduck() -%}
    (select 1 + coalesce(max(known.sequence_number), 0) from {{ leadloop.in_ledger('dbt_results') }} as known)
    {%- elif leadloop.is_ledger_on_server() -%}
    (
        select asked.number
        from postgres_query('{{ leadloop.ledger_database() }}', 'select nextval(''leadloop.sequence_number'') as number') as asked
    )
    {%- else -%}
    nextval('{{ leadloop.in_ledger('sequence_number') }}')
    {%- endif -%}
{%- endmacro %}
