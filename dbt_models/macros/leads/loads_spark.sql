{# Spark has no transactions over several tables, no sequences, and takes one statement at a time. So what is noted beside a table is
   one MERGE, and is such that a build that is killed anywhere is made good by the next one:

   note_loads may have noted loads that are in no row yet: the table's own build number is lower, and they are read again.
   note_builds notes up to which build the table is made; that it is made, builds_are_made notes after it. #}

{% macro spark__note_loads(this) -%}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    {%- set log = leadloop.built_loads() -%}
    {%- set anew = not is_incremental() or not leadloop.has_build_number(this) -%}
    {%- do leadloop.create_spark_table(log, {
        'made': 'text', 'crm': 'text', 'load_id': 'text', 'row_count': 'bigint', 'timezone': 'text', 'build_number': 'bigint',
        'is_complete': 'boolean', 'rows_inserted': 'bigint'
    }) -%}
    {%- set found = [] -%}
    {%- for leads in leadloop.crms_read() -%}
        {%- set changed = leadloop.changed_loads(leads, this, none if anew else log, none) -%}
        {%- do found.append(changed) if changed -%}
    {%- endfor -%}
    {%- if not found and not anew -%}{{ return('') }}{%- endif -%}
    {%- if not found -%}
        {%- do found.append(leadloop.no_rows({
            'crm': 'text', 'load_id': 'text', 'row_count': 'bigint', 'timezone': 'text', 'is_complete': 'boolean',
            'rows_inserted': 'bigint'
        })) -%}
    {%- endif -%}
merge into {{ log }} as noted
using (
    select
        {{ leadloop.made_table(this) }} as made,
        loads.*,
        numbered.build_number
    from (
        {{ found | join('\nunion all\n') }}
    ) as loads
    cross join (
        select greatest(
            {{ leadloop.next_build_number() }}, 1 + {{ '0' if anew else leadloop.built_up_to(this) }}
        ) as build_number
    ) as numbered
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
    {%- if anew %}
when not matched by source and noted.made = {{ leadloop.made_table(this) }} then delete
    {%- endif %}
{%- endmacro %}

{% macro spark__next_build_number() -%}{{ leadloop.next_of_the_tables() }}{%- endmacro %}

{# Greater than all that is noted anywhere, also where one of the tables was dropped: a scalar, for an engine without sequences. #}
{% macro next_of_the_tables() -%}
    {%- set versions = leadloop.built_table('built_versions') -%}
    (
        select 1 + coalesce(max(known.build_number), 0)
        from (
            select max(build_number) as build_number from {{ leadloop.built_loads() }}
            {%- if leadloop.columns_of(versions) %}
            union all
            select max(built_up_to) as build_number from {{ versions }}
            {%- endif %}
        ) as known
    )
{%- endmacro %}

{% macro spark__note_builds(this, history) -%}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    {%- set versions = leadloop.built_table('built_versions') -%}
    {%- do leadloop.create_spark_table(versions, {
        'made': 'text', 'built_before': 'bigint', 'built_up_to': 'bigint', 'journal_before': 'bigint', 'journal_up_to': 'bigint'
    }) -%}
    {{ leadloop.merged_builds(this, history) }}
{%- endmacro %}

{# What note_builds notes, as one statement, where it is no transaction with what makes the table. #}
{% macro merged_builds(this, history) -%}
    {%- set journal = leadloop.own_table('push_journal') -%}
    {%- set versions = leadloop.built_table('built_versions') -%}
merge into {{ versions }} as noted
using (
    select
        {{ leadloop.made_table(this) }} as made,
        (select coalesce(max(history.build_number), 0) from {{ history }} as history) as built_up_to,
        {{ '(select max(said.sequence_number) from ' ~ journal ~ ' as said)' if leadloop.columns_of(journal)
            else 'cast(null as bigint)' }} as journal_up_to
) as given
    on noted.made = given.made
when matched then update set
    {%- if not is_incremental() %}
    built_before = 0,
    journal_before = null,
    {%- endif %}
    built_up_to = given.built_up_to,
    journal_up_to = given.journal_up_to
when not matched then insert (made, built_before, built_up_to, journal_before, journal_up_to)
values (given.made, 0, given.built_up_to, null, given.journal_up_to)
{%- endmacro %}

{% macro spark__journal_read() -%}{{ return('journal_before') }}{%- endmacro %}

{# Notes that this table is made from all that note_builds has noted. For a post-hook. #}
{% macro builds_are_made(this) -%}
    {{ return(adapter.dispatch('builds_are_made', 'leadloop')(this)) }}
{%- endmacro %}

{# Elsewhere it is, or what was noted before it is gone as well: they are one transaction. #}
{% macro default__builds_are_made(this) -%}{%- endmacro %}

{% macro spark__builds_are_made(this) -%}
    {%- if execute -%}
update {{ leadloop.built_table('built_versions') }} set built_before = built_up_to, journal_before = journal_up_to
where made = {{ leadloop.made_table(this) }}
    {%- endif -%}
{%- endmacro %}

{# Makes a table that the models write besides themselves, if it is not there: column -> type. #}
{% macro create_spark_table(table, columns) -%}
    {%- do run_query('create schema if not exists ' ~ table.schema) -%}
    {%- set declared = [] -%}
    {%- for name, type in columns.items() -%}{%- do declared.append(name ~ ' ' ~ leadloop.sql_type(type)) -%}{%- endfor -%}
    {%- do run_query('create table if not exists ' ~ table ~ ' (' ~ declared | join(', ') ~ ') using delta') -%}
{%- endmacro %}
