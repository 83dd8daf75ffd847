{# Snowflake's SQL of what macros/leads has for every engine. A statement that makes a table ends a transaction there. So what is noted
   beside a table is noted as on Spark, and a build that is killed anywhere is made good by the next one: see loads_spark.sql. #}

{% macro snowflake__note_loads(this) -%}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    {%- set log = leadloop.built_loads() -%}
    {%- set anew = not is_incremental() or not leadloop.has_build_number(this) -%}
    {%- do leadloop.create_plain_table(log, {
        'made': 'text', 'crm': 'text', 'load_id': 'text', 'row_count': 'bigint', 'timezone': 'text', 'build_number': 'bigint',
        'is_complete': 'boolean', 'rows_inserted': 'bigint'
    }) -%}
    {%- set found = [] -%}
    {%- for leads in leadloop.crms_read() -%}
        {%- set changed = leadloop.changed_loads(leads, this, none if anew else log, none) -%}
        {%- do found.append(changed) if changed -%}
    {%- endfor -%}
    {%- set number -%}
(select greatest({{ leadloop.next_build_number() }}, 1 + {{ '0' if anew else leadloop.built_up_to(this) }}))
    {%- endset -%}
    {%- set number = run_query('select ' ~ number).rows[0][0] -%}
    {%- if anew -%}
        {%- do run_query('delete from ' ~ log ~ ' where made = ' ~ leadloop.made_table(this)) -%}
    {%- endif -%}
    {%- if not found -%}{{ return('') }}{%- endif -%}
merge into {{ log }} as noted
using (
    select
        {{ leadloop.made_table(this) }} as made,
        loads.*,
        {{ number }} as build_number
    from (
        {{ found | join('\nunion all\n') }}
    ) as loads
) as given
    on noted.made = given.made and noted.crm = given.crm and noted.load_id = given.load_id
when matched and given.row_count is null then delete
when matched then update set
    row_count = given.row_count,
    timezone = given.timezone,
    build_number = given.build_number,
    is_complete = given.is_complete
when not matched and given.row_count is not null then insert (
    made, crm, load_id, row_count, timezone, build_number, is_complete, rows_inserted
) values (
    given.made, given.crm, given.load_id, given.row_count, given.timezone, given.build_number, given.is_complete, given.rows_inserted
)
{%- endmacro %}

{% macro snowflake__next_build_number() -%}{{ leadloop.next_of_the_tables() }}{%- endmacro %}

{% macro snowflake__note_builds(this, history) -%}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    {%- do leadloop.create_plain_table(leadloop.built_table('built_versions'), {
        'made': 'text', 'built_before': 'bigint', 'built_up_to': 'bigint', 'journal_before': 'bigint', 'journal_up_to': 'bigint'
    }) -%}
    {{ leadloop.merged_builds(this, history) }}
{%- endmacro %}

{% macro snowflake__journal_read() -%}{{ return('journal_before') }}{%- endmacro %}

{% macro snowflake__builds_are_made(this) -%}{{ leadloop.spark__builds_are_made(this) }}{%- endmacro %}

{# Makes a table that the models write besides themselves, if it is not there: column -> type. #}
{% macro create_plain_table(table, columns) -%}
    {%- do run_query('create schema if not exists ' ~ table.include(identifier=false)) -%}
    {%- set declared = [] -%}
    {%- for name, type in columns.items() -%}{%- do declared.append(name ~ ' ' ~ leadloop.sql_type(type)) -%}{%- endfor -%}
    {%- do run_query('create table if not exists ' ~ table ~ ' (' ~ declared | join(', ') ~ ')') -%}
{%- endmacro %}

{# "in" with a query stands in conditions alone there. #}
{% macro snowflake__is_completed(completed) -%}
    coalesce(
            charindex(
                ',' || load_id || ',', (select listagg(',' || completed.load_id || ',') from {{ completed }} as completed)
            ) > 0,
            false
        )
{%- endmacro %}

{% macro snowflake__rows_inserted(raw) -%}{{ return(none) }}{%- endmacro %}

{# How many rows a table has, Snowflake knows without counting. #}
{% macro snowflake__suspected_loads(leads, this, log, inserted) -%}
    {{ return(leadloop.duckdb__suspected_loads(leads, this, log, inserted)) }}
{%- endmacro %}

{% macro snowflake__index_raw(leads) -%}{%- endmacro %}

{# Rows have no numbers. Two of which everything is alike have one hash: see rows_once. #}
{% macro snowflake__row_of(raw) -%}
    {%- set texts = [] -%}
    {%- for column in leadloop.columns_of(raw) | sort -%}
        {%- set text = 'cast(' ~ leadloop.quoted(column) ~ ' as varchar)' -%}
        {%- do texts.append("coalesce('" ~ column ~ "=' || replace(" ~ text ~ ", ';', ';;') || ';', '')") -%}
    {%- endfor -%}
    {{ return('md5(' ~ texts | join(' || ') ~ ')') }}
{%- endmacro %}

{% macro snowflake__rows_once(sighted, fields) -%}{{ leadloop.spark__rows_once(sighted, fields) }}{%- endmacro %}

{# One column after the other is what a store of columns is made for. #}
{% macro snowflake__field_changes(pairs, columns, fields, names, every) -%}
    {{ return(leadloop.duckdb__field_changes(pairs, columns, fields, names, every)) }}
{%- endmacro %}

{# A NULL in a list is a NULL of JSON's there, which is no NULL of SQL's until it is a text. #}
{% macro snowflake__list_of(texts) -%}
    {{ return('array_construct(' ~ texts | join(', ') ~ ')') }}
{%- endmacro %}

{% macro snowflake__entries_that_differ(pairs, columns, names) -%}
    {%- for name in names %}
    {{- 'union all' if not loop.first }}
    select
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        {{ leadloop.literal(name) }} as field,
        cast(shown_before[{{ loop.index0 }}] as varchar) as old_value,
        cast(shown_after[{{ loop.index0 }}] as varchar) as new_value
    from {{ pairs }}
    where cast(shown_before[{{ loop.index0 }}] as varchar) is distinct from cast(shown_after[{{ loop.index0 }}] as varchar)
    {% else %}
    select
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        cast(null as varchar) as field,
        cast(null as varchar) as old_value,
        cast(null as varchar) as new_value
    from {{ pairs }}
    where false
    {%- endfor %}
{%- endmacro %}

{% macro snowflake__names_in_more(relation, object, columns) -%}
    select
        {{ columns | join(', ') }},
        named.key as field
    from {{ relation }}, lateral flatten(input => try_parse_json({{ object }})) as named
{%- endmacro %}
