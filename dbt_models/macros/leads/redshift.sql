{# Redshift's SQL of what macros/leads has for every engine. What is noted beside a table is noted as on Spark, in statements that need be
   no transaction: a build that is killed between two of them is made good by the next one, see loads_spark.sql. #}

{% macro redshift__note_loads(this) -%}
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
    {%- set number = run_query(
        'select greatest(' ~ leadloop.next_build_number() ~ ', 1 + ' ~ ('0' if anew else leadloop.built_up_to(this)) ~ ')'
    ).rows[0][0] -%}
    {%- if anew -%}
        {%- do run_query('delete from ' ~ log ~ ' where made = ' ~ leadloop.made_table(this)) -%}
    {%- endif -%}
    {%- if not found -%}{{ return('') }}{%- endif -%}
    {#- No merge: it takes a table, and no condition beside what matches. -#}
drop table if exists leadloop_loads;
create temporary table leadloop_loads as
{{ found | join('\nunion all\n') }};
delete from {{ log }}
using leadloop_loads
where
    {{ log }}.made = {{ leadloop.made_table(this) }}
    and {{ log }}.crm = leadloop_loads.crm
    and {{ log }}.load_id = leadloop_loads.load_id;
insert into {{ log }} (made, crm, load_id, row_count, timezone, build_number, is_complete, rows_inserted)
select
    {{ leadloop.made_table(this) }} as made,
    crm,
    load_id,
    row_count,
    timezone,
    {{ number }} as build_number,
    is_complete,
    rows_inserted
from leadloop_loads
where row_count is not null;
drop table leadloop_loads
{%- endmacro %}

{% macro redshift__next_build_number() -%}{{ leadloop.next_of_the_tables() }}{%- endmacro %}

{% macro redshift__note_builds(this, history) -%}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    {%- set versions, journal = leadloop.built_table('built_versions'), leadloop.own_table('push_journal') -%}
    {%- do leadloop.create_plain_table(versions, {
        'made': 'text', 'built_before': 'bigint', 'built_up_to': 'bigint', 'journal_before': 'bigint', 'journal_up_to': 'bigint'
    }) -%}
    {%- set built = run_query('select coalesce(max(build_number), 0) from ' ~ history).rows[0][0] -%}
    {%- set said = run_query('select max(sequence_number) from ' ~ journal).rows[0][0] if leadloop.columns_of(journal) else none -%}
    {%- set said = 'null' if said is none else said -%}
    {%- if run_query('select 1 from ' ~ versions ~ ' where made = ' ~ leadloop.made_table(this)).rows -%}
update {{ versions }} set
        {%- if not is_incremental() %}
    built_before = 0,
    journal_before = null,
        {%- endif %}
    built_up_to = {{ built }},
    journal_up_to = {{ said }}
where made = {{ leadloop.made_table(this) }}
    {%- else -%}
insert into {{ versions }} (made, built_before, built_up_to, journal_before, journal_up_to)
values ({{ leadloop.made_table(this) }}, 0, {{ built }}, null, {{ said }})
    {%- endif -%}
{%- endmacro %}

{% macro redshift__journal_read() -%}{{ return('journal_before') }}{%- endmacro %}

{% macro redshift__builds_are_made(this) -%}{{ leadloop.spark__builds_are_made(this) }}{%- endmacro %}

{% macro redshift__completed_beside(completed) %}
    left join (select distinct load_id as completed_id from {{ completed }}) as completed on each_load.load_id = completed.completed_id
{%- endmacro %}

{% macro redshift__is_completed(_completed) -%}
    completed_id is not null
{%- endmacro %}

{% macro redshift__rows_inserted(raw) -%}{{ return(none) }}{%- endmacro %}

{# To count the rows of a table is to read one of its columns. #}
{% macro redshift__suspected_loads(leads, this, log, inserted) -%}
    {{ return(leadloop.duckdb__suspected_loads(leads, this, log, inserted)) }}
{%- endmacro %}

{% macro redshift__index_raw(leads) -%}{%- endmacro %}

{# Rows have no numbers. Two of which everything is alike have one hash: see rows_once. A NULL is no hash's text. #}
{% macro redshift__row_of(raw) -%}
    {%- set hashes = [] -%}
    {%- for column in leadloop.columns_of(raw) | sort -%}
        {%- do hashes.append('coalesce(md5(cast(' ~ leadloop.quoted(column) ~ ' as ' ~ leadloop.sql_type('text') ~ ")), '-')") -%}
    {%- endfor -%}
    {{ return('md5(' ~ hashes | join(' || ') ~ ')') }}
{%- endmacro %}

{% macro redshift__rows_once(sighted, fields) -%}{{ leadloop.spark__rows_once(sighted, fields) }}{%- endmacro %}

{# One column after the other is what a store of columns is made for. #}
{% macro redshift__field_changes(pairs, columns, fields, names, every) -%}
    {{ return(leadloop.duckdb__field_changes(pairs, columns, fields, names, every)) }}
{%- endmacro %}

{# A NULL in a list is a NULL of JSON's there, which is no NULL of SQL's until it is a text. #}
{% macro redshift__list_of(texts) -%}
    {{ return('array(' ~ texts | join(', ') ~ ')') }}
{%- endmacro %}

{% macro redshift__entries_that_differ(pairs, columns, names) -%}
    {%- set text = leadloop.sql_type('text') -%}
    {%- for name in names %}
        {%- set before = 'cast(shown_before[' ~ loop.index0 ~ '] as ' ~ text ~ ')' %}
        {%- set after = 'cast(shown_after[' ~ loop.index0 ~ '] as ' ~ text ~ ')' %}
    {{- 'union all' if not loop.first }}
    select
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        cast({{ leadloop.literal(name) }} as {{ text }}) as field,
        {{ before }} as old_value,
        {{ after }} as new_value
    from {{ pairs }}
    where {{ leadloop.texts_differ(before, after) }}
    {% else %}
    select
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        cast(null as {{ text }}) as field,
        cast(null as {{ text }}) as old_value,
        cast(null as {{ text }}) as new_value
    from {{ pairs }}
    where false
    {%- endfor %}
{%- endmacro %}

{% macro redshift__names_in_more(relation, object, columns) -%}
    select
        {{ columns | join(', ') }},
        cast(field as {{ leadloop.sql_type('text') }}) as field
    from (
        select
            {{ columns | join(', ') }},
            case when can_json_parse({{ object }}) then json_parse({{ object }}) end as named
        from {{ relation }}
    ) as parsed, unpivot parsed.named as entry at field
{%- endmacro %}
