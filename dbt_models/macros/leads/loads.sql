{# Which loads of raw sightings lead_history was made from. A build reads what came since the last one, and finds out what that is
   without going through the raw tables.

   The log is leadloop.built_loads: one row per table that is made from loads, CRM and load. It is written in the transaction in which
   the table is made. So a build that is killed leaves both as they were, and a load that grew after it was read is read again.
   Builds are numbered by the warehouse's own sequence, which goes on when a table is dropped or a clock is wrong. #}

{# Notes the loads that are to be read into this table, before it is made. For a pre-hook. #}
{% macro note_loads(this) -%}
    {{ return(adapter.dispatch('note_loads', 'leadloop')(this)) }}
{%- endmacro %}

{% macro default__note_loads(this) -%}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    {%- set log = leadloop.built_loads() -%}
    {%- set anew = not is_incremental() or not leadloop.has_build_number(this) -%}
    {%- do run_query(leadloop.create_built_loads()) -%}
    {%- for name, type in {'is_complete': 'boolean', 'rows_inserted': 'bigint'}.items() if name not in leadloop.columns_of(log) -%}
        {%- do run_query('alter table ' ~ log ~ ' add column ' ~ name ~ ' ' ~ type) -%}
    {%- endfor -%}
    {%- set found = [] -%}
    {%- for leads in leadloop.crms_read() -%}
        {%- do leadloop.index_raw(leads) -%}
        {#- Asked before the rows are counted: what comes in between is then noticed by the next build. -#}
        {%- set inserted = leadloop.rows_inserted(leads['raw']) -%}
        {%- set changed = leadloop.changed_loads(leads, this, none if anew else log, inserted) -%}
        {%- do found.append(changed) if changed -%}
        {%- if not anew and inserted is not none %}
update {{ log }} set rows_inserted = {{ inserted }}
where
    made = {{ leadloop.made_table(this) }}
    and crm = '{{ leads['crm'] }}'
    and build_number = (select max(build_number) from {{ leadloop.logged(leads, this, log) }} as logged)
    and rows_inserted is distinct from {{ inserted }};
        {%- endif -%}
    {%- endfor -%}
    {%- if anew %}
delete from {{ log }} where made = {{ leadloop.made_table(this) }};
    {%- endif %}
    {%- if found %}
create temporary table leadloop_loads as
{{ found | join('\nunion all\n') }};
delete from {{ log }}
where
    made = {{ leadloop.made_table(this) }}
    and (crm, load_id) in (select crm, load_id from leadloop_loads);
insert into {{ log }} (made, crm, load_id, row_count, timezone, build_number, is_complete, rows_inserted)
select
    {{ leadloop.made_table(this) }} as made,
    crm,
    load_id,
    row_count,
    timezone,
    numbered.build_number,
    is_complete,
    rows_inserted
from leadloop_loads
cross join (
    select greatest(
        {{ leadloop.next_build_number() }}, 1 + {{ '0' if anew else leadloop.built_up_to(this) }}
    ) as build_number
) as numbered
where row_count is not null;
drop table leadloop_loads;
    {%- endif -%}
{%- endmacro %}

{# Which table it is, in the log: files of DuckDB get other names. #}
{% macro made_table(this) -%}
    {{ return(leadloop.literal(this.schema ~ '.' ~ this.identifier)) }}
{%- endmacro %}

{% macro built_loads() -%}
    {{ return(leadloop.built_table('built_loads')) }}
{%- endmacro %}

{% macro create_built_loads() -%}
{{ leadloop.create_own_schema() }}
create table if not exists leadloop.built_loads (
    made text,
    crm text,
    load_id text,
    row_count bigint,
    timezone text,
    build_number bigint,
    is_complete boolean,
    rows_inserted bigint
)
{%- endmacro %}

{# A number that is greater than that of every build before: a scalar. A lake numbers its snapshots, and has no sequences. #}
{% macro next_build_number() -%}
    {{ return(adapter.dispatch('next_build_number', 'leadloop')()) }}
{%- endmacro %}

{% macro default__next_build_number() -%}
    {%- if leadloop.is_lake() -%}
    (select 1 + newest.id from {{ adapter.quote(target.database) }}.current_snapshot() as newest)
    {%- elif leadloop.is_motherduck() -%}
    {{ leadloop.next_of_the_tables() }}
    {%- else -%}
    nextval('leadloop.sequence_number')
    {%- endif -%}
{%- endmacro %}

{# Whether a table says by which build each row was made; one from before there were numbers does not. #}
{% macro has_build_number(this) -%}
    {{ return('build_number' in leadloop.columns_of(this)) }}
{%- endmacro %}

{# The build up to which a table was made: a scalar. #}
{% macro built_up_to(this) -%}
    (select coalesce(max(known.build_number), 0) from {{ this }} as known)
{%- endmacro %}

{# The loads that this table has no rows of yet: a query of crm and load_id. #}
{% macro loads_to_read(this) -%}
    select
        crm,
        load_id
    from {{ leadloop.built_loads() }}
    where
        made = {{ leadloop.made_table(this) }}
        {%- if leadloop.has_build_number(this) %}
        and build_number > {{ leadloop.built_up_to(this) }}
        {%- endif %}
{%- endmacro %}

{# The number of the build that makes this table now: a scalar. #}
{% macro this_build(this) -%}
    (
        select coalesce(max(loads.build_number), 0)
        from {{ leadloop.built_loads() }} as loads
        where loads.made = {{ leadloop.made_table(this) }}
    )
{%- endmacro %}

{# A query of the loads of one CRM that the log doesn't have as they are now; none if there can't be any. A load of which the rows
   are gone has no row_count.

   log: none where the table is made from the beginning. inserted: see rows_inserted. #}
{% macro changed_loads(leads, this, log, inserted) -%}
    {%- set only = leadloop.suspected_loads(leads, this, log, inserted) if log else none -%}
    {%- if only is not none and not only -%}{{ return(none) }}{%- endif -%}
    {%- set completed = leadloop.dlt_loads(leads['raw']) -%}
    {%- set query -%}
select
    '{{ leads['crm'] }}' as crm,
    {{ 'coalesce(counted.load_id, logged.load_id)' if log else 'counted.load_id' }} as load_id,
    counted.row_count,
    counted.timezone,
    counted.is_complete,
    cast({{ 'null' if inserted is none else inserted }} as bigint) as rows_inserted
from (
    select
        load_id,
        row_count,
        timezone,
        {% if leadloop.columns_of(completed) -%}
        {{ leadloop.is_completed(completed) }}
        {%- else -%}
        false
        {%- endif %} as is_complete
    from (
        select
            coalesce(_dlt_load_id, '') as load_id,
            count(*) as row_count,
            max(leadloop_timezone) as timezone
        from {{ leads['raw'] }}
        {%- if only %}
        where {{ leadloop.of_loads(only) }}
        {%- endif %}
        group by coalesce(_dlt_load_id, '')
    ) as each_load
        {{- leadloop.completed_beside(completed) if leadloop.columns_of(completed) }}
) as counted
    {%- if log %}
{{ 'left' if only else 'full' }} join {{ leadloop.logged(leads, this, log) }} as logged on counted.load_id = logged.load_id
where
    {{ leadloop.differs('logged.row_count', 'counted.row_count') }}
    or {{ leadloop.differs('logged.is_complete', 'counted.is_complete') }}
    {%- endif %}
    {%- endset -%}
    {{ return(query) }}
{%- endmacro %}

{# Whether dlt has completed each_load. completed: see dlt_loads. #}
{% macro is_completed(completed) -%}
    {{ return(adapter.dispatch('is_completed', 'leadloop')(completed)) }}
{%- endmacro %}

{% macro default__is_completed(completed) -%}
    load_id in (select completed.load_id from {{ completed }} as completed)
{%- endmacro %}

{# Sail has no "in" with a query outside of conditions. #}
{% macro spark__is_completed(completed) -%}
    exists (select 1 from {{ completed }} as completed where completed.load_id = each_load.load_id)
{%- endmacro %}

{# What is_completed needs beside each_load: the rest of a "from". #}
{% macro completed_beside(completed) -%}
    {{ return(adapter.dispatch('completed_beside', 'leadloop')(completed)) }}
{%- endmacro %}

{% macro default__completed_beside(completed) -%}{{ return('') }}{%- endmacro %}

{# A condition on a raw table: its rows of these loads; blank stands for rows without a load's id. #}
{% macro of_loads(load_ids) -%}
    (
        _dlt_load_id in ({% for each in load_ids %}{{ leadloop.literal(each) }}{{ ', ' if not loop.last }}{% endfor %})
        {{- ' or _dlt_load_id is null' if '' in load_ids }}
    )
{%- endmacro %}

{# What the log says of one CRM's loads. #}
{% macro logged(leads, this, log) -%}
    (select * from {{ log }} where made = {{ leadloop.made_table(this) }} and crm = '{{ leads['crm'] }}')
{%- endmacro %}

{# How many rows were ever put into a raw table, as far as PostgreSQL has counted; none for DuckDB, which knows how many there are. #}
{% macro rows_inserted(raw) -%}
    {{ return(adapter.dispatch('rows_inserted', 'leadloop')(raw)) }}
{%- endmacro %}

{% macro duckdb__rows_inserted(raw) -%}{{ return(none) }}{%- endmacro %}

{% macro spark__rows_inserted(raw) -%}{{ return(none) }}{%- endmacro %}

{% macro default__rows_inserted(raw) -%}
    {{ return(run_query("select pg_stat_get_tuples_inserted(cast('" ~ raw ~ "' as regclass))").rows[0][0]) }}
{%- endmacro %}

{# Ids of the loads that may differ from the log; none if any of them may. #}
{% macro suspected_loads(leads, this, log, inserted) -%}
    {{ return(adapter.dispatch('suspected_loads', 'leadloop')(leads, this, log, inserted)) }}
{%- endmacro %}

{# DuckDB knows how many rows a table has without counting. Where there are as many as the log says, or as many more as came with the
   suspected loads, nothing else came. #}
{% macro duckdb__suspected_loads(leads, this, log, inserted) -%}
    {%- set logged = leadloop.logged(leads, this, log) -%}
    {%- set there, known = run_query(
        'select (select count(*) from ' ~ leads['raw'] ~ '), (select coalesce(sum(row_count), 0) from ' ~ logged ~ ')'
    ).rows[0] -%}
    {%- if there == known -%}{{ return([]) }}{%- endif -%}
    {%- set since = leadloop.open_loads(leads, logged) -%}
    {%- if since and since | length <= 500 and there - known == leadloop.rows_more(leads, logged, since) -%}
        {{ return(since) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{# So does a Delta table, of each of its files. #}
{% macro spark__suspected_loads(leads, this, log, inserted) -%}
    {{ return(leadloop.duckdb__suspected_loads(leads, this, log, inserted)) }}
{%- endmacro %}

{# dlt's own table beside a raw one: the loads that it has completed. #}
{% macro dlt_loads(raw) -%}
    {{ return(raw.incorporate(path={'identifier': '_dlt_loads'})) }}
{%- endmacro %}

{# Ids of the loads that dlt had not completed when they were read, and of those that it has completed since the newest one in the
   log, by the time that an id begins with. #}
{% macro open_loads(leads, logged) -%}
    {%- set completed = leadloop.dlt_loads(leads['raw']) -%}
    {%- set queries = ['select load_id from ' ~ logged ~ ' as logged where not is_complete'] -%}
    {%- if leadloop.columns_of(completed) -%}
        {%- do queries.append(
            'select load_id from ' ~ completed ~ ' where load_id > '
            ~ "(select coalesce(max(load_id), '') from " ~ logged ~ ' as logged where is_complete)'
        ) -%}
    {%- endif -%}
    {{ return(leadloop.first_column(queries | join(' ' ~ leadloop.union_of_sets() ~ ' '))) }}
{%- endmacro %}

{# How many rows more than in the log there are in these loads. #}
{% macro rows_more(leads, logged, load_ids) -%}
    {%- if not load_ids -%}{{ return(0) }}{%- endif -%}
    {%- set ids -%}
        {%- for each in load_ids %}{{ leadloop.literal(each) }}{{ ', ' if not loop.last }}{% endfor -%}
    {%- endset -%}
    {{ return(run_query(
        'select (select count(*) from ' ~ leads['raw'] ~ ' where ' ~ leadloop.of_loads(load_ids) ~ ')'
        ~ ' - (select coalesce(sum(row_count), 0) from ' ~ logged ~ ' as logged where load_id in (' ~ ids ~ '))'
    ).rows[0][0]) }}
{%- endmacro %}

{# PostgreSQL goes from load to load in the index. A load that dlt had not completed may have grown since, and so may the rows
   that are of no load. Where more rows were put in than came with those, somebody has added some to a load that was complete. #}
{% macro default__suspected_loads(leads, this, log, inserted) -%}
    {%- set raw = leads['raw'] -%}
    {%- set logged = leadloop.logged(leads, this, log) -%}
    {%- if not leadloop.is_indexed(raw) -%}{{ return(none) }}{%- endif -%}
    {%- set since = leadloop.first_column(
        'with recursive each_load as (select min(_dlt_load_id) as load_id from ' ~ raw ~ ' union all'
        ~ ' select (select min(_dlt_load_id) from ' ~ raw ~ ' where _dlt_load_id > each_load.load_id)'
        ~ ' from each_load where each_load.load_id is not null)'
        ~ " select '' as load_id where exists (select 1 from " ~ raw ~ ' where _dlt_load_id is null) union'
        ~ ' select load_id from each_load where load_id is not null'
        ~ ' and load_id not in (select load_id from ' ~ logged ~ ' as logged where is_complete)'
    ) -%}
    {%- set noted = run_query(
        'select max(rows_inserted) from ' ~ logged ~ ' as logged'
        ~ ' where build_number = (select max(build_number) from ' ~ logged ~ ' as newest)'
    ).rows[0][0] -%}
    {%- if noted is none or inserted - noted != leadloop.rows_more(leads, logged, since) -%}{{ return(none) }}{%- endif -%}
    {{ return(since) }}
{%- endmacro %}

{# Has PostgreSQL find loads and leads in a raw table, where dbt's user may; DuckDB needs no index for that. #}
{% macro index_raw(leads) -%}
    {{ return(adapter.dispatch('index_raw', 'leadloop')(leads)) }}
{%- endmacro %}

{% macro duckdb__index_raw(leads) -%}{%- endmacro %}

{% macro spark__index_raw(leads) -%}{%- endmacro %}

{% macro default__index_raw(leads) -%}
    {%- set raw = leads['raw'] -%}
    {%- if not leadloop.is_indexed(raw) and run_query(
        "select pg_has_role(relowner, 'usage') from pg_class where oid = cast('" ~ raw ~ "' as regclass)"
    ).rows[0][0] -%}
        {%- set ids = leads['ids'] | select('in', leads['columns']) | list -%}
        {%- do run_query(
            'create index if not exists leadloop_lead on ' ~ raw ~ ' ((' ~ leadloop.first_blanked(ids, leads['columns']) ~ '));'
            ~ ' create index if not exists leadloop_load on ' ~ raw ~ ' (_dlt_load_id)'
        ) -%}
    {%- endif -%}
{%- endmacro %}

{% macro is_indexed(raw) -%}
    {{ return(
        run_query("select 1 from pg_indexes where schemaname = '" ~ raw.schema ~ "' and indexname = 'leadloop_load'").rows | length > 0
    ) }}
{%- endmacro %}

{# Notes from which builds of lead_history this table is made now: those that it was not made from before. For a pre-hook. In the
   table itself there is no row of a build that brought no change, and every lead's first sighting would be read again for it.
   And how far the journal goes, for late_answers. #}
{% macro note_builds(this, history) -%}
    {{ return(adapter.dispatch('note_builds', 'leadloop')(this, history)) }}
{%- endmacro %}

{% macro default__note_builds(this, history) -%}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    {%- set journal = leadloop.own_table('push_journal') -%}
{{ leadloop.create_own_schema() }}
create table if not exists leadloop.built_versions (
    made text, built_before bigint, built_up_to bigint, journal_before bigint, journal_up_to bigint
);
    {%- set columns = leadloop.columns_of(leadloop.built_table('built_versions')) -%}
    {%- if columns and 'journal_up_to' not in columns %}
alter table leadloop.built_versions add column journal_before bigint;
alter table leadloop.built_versions add column journal_up_to bigint;
    {%- endif %}
insert into leadloop.built_versions (made, built_before, built_up_to)
select {{ leadloop.made_table(this) }}, 0, 0
where not exists (select 1 from leadloop.built_versions where made = {{ leadloop.made_table(this) }});
update leadloop.built_versions set
    built_before = {{ 'built_up_to' if is_incremental() else '0' }},
    built_up_to = (select coalesce(max(history.build_number), 0) from {{ history }} as history),
    journal_before = {{ 'journal_up_to' if is_incremental() else 'null' }},
    journal_up_to = {{ '(select max(sequence_number) from ' ~ journal ~ ')' if leadloop.columns_of(journal) else 'null' }}
where made = {{ leadloop.made_table(this) }}
{%- endmacro %}

{# Leads of lead_changes of whose writes the journal says something else now than when their changes were built: the query, with
   crm and lead_id; none if there are none.

   What a push writes down while a build begins may get its number before, and be there after: so it looks some numbers back. #}
{% macro late_answers(this) -%}
    {%- set journal = leadloop.own_table('push_journal') -%}
    {%- set versions = leadloop.built_table('built_versions') -%}
    {%- if not leadloop.columns_of(journal) or 'journal_up_to' not in leadloop.columns_of(versions) -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set query -%}
select distinct
    changes.crm,
    changes.lead_id
from {{ this }} as changes
inner join {{ journal }} as said
    on
        changes.crm = said.crm
        and changes.lead_id = coalesce(said.crm_lead_id, said.lead_id)
        and changes.field = said.column_name
        and coalesce(changes.new_value, '') = coalesce(said.value, '')
where
    said.sequence_number > (
        select coalesce(max(noted.COLUMN), 0) - 1000
        from {{ versions }} as noted
        where noted.made = {{ leadloop.made_table(this) }}
    )
    and (
        (changes.origin = 'crm' and said.state in ('applied', 'confirmed'))
        or (changes.origin = 'push' and said.state in ('rejected', 'deferred', 'conflict'))
    )
    {%- endset -%}
    {#- The hook, which runs between this question and the model's own query, may move one column into the other. -#}
    {%- if not run_query('select 1 from (' ~ query.replace('COLUMN', leadloop.journal_read()) ~ ') as late limit 1').rows -%}
        {{ return(none) }}
    {%- endif -%}
    {{ return(query.replace('COLUMN', 'journal_before')) }}
{%- endmacro %}

{# A condition on a row with crm and lead_id: that its lead is in a CTE, which has these two. #}
{% macro is_lead_of(leads) -%}
    {{ return(adapter.dispatch('is_lead_of', 'leadloop')(leads)) }}
{%- endmacro %}

{% macro default__is_lead_of(leads) -%}
    (crm, lead_id) in (
                select
                    {{ leads }}.crm,
                    {{ leads }}.lead_id
                from {{ leads }}
            )
{%- endmacro %}

{# The column of built_versions that says, before a build, how far the one before it had read the journal. #}
{% macro journal_read() -%}
    {{ return(adapter.dispatch('journal_read', 'leadloop')()) }}
{%- endmacro %}

{% macro default__journal_read() -%}{{ return('journal_up_to') }}{%- endmacro %}

{# A condition on rows of lead_history: made by those builds. #}
{% macro of_noted_builds(this) -%}
    {%- set noted = leadloop.built_table('built_versions') -%}
    build_number > (select noted.built_before from {{ noted }} as noted where noted.made = {{ leadloop.made_table(this) }})
        and build_number <= (select noted.built_up_to from {{ noted }} as noted where noted.made = {{ leadloop.made_table(this) }})
{%- endmacro %}

{# Tables of changes from before builds were numbered have rows for first sightings, which no increment would replace. #}
{% macro forget_first_sightings(this) -%}
    {%- if execute and is_incremental() and not leadloop.has_build_number(this) -%}
delete from {{ this }} where version_number = 1
    {%- endif -%}
{%- endmacro %}
