{# The columns that the leads of these CRMs have between them. #}
{% macro fields_of(crms) -%}
    {%- set found = {} -%}
    {%- for leads in crms -%}
        {%- for column in leads['fields'].values() -%}
            {%- do found.update({column: none}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found | list) }}
{%- endmacro %}

{# Where there are many fields, has DuckDB not compare every expression with all others before it begins: that takes the square
   of the time, minutes for 3,000 fields. It holds until the build's last connection is closed. #}
{% macro plan_quickly(fields) -%}
    {%- if execute and target.type == 'duckdb' and fields | length > 300 -%}
        {%- set off = run_query("select current_setting('disabled_optimizers')").rows[0][0] -%}
        {%- if 'common_subexpressions' not in off -%}
            {%- do run_query("set disabled_optimizers = '" ~ (off ~ ',' if off else '') ~ "common_subexpressions'") -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{# Whether so few sightings have so many fields that to plan a statement costs more than to carry it out: then no field is named
   twice in it. #}
{% macro wide_and_short(crms, fields) -%}
    {%- if not execute or fields | length <= 300 -%}{{ return(false) }}{%- endif -%}
    {%- for leads in crms -%}
        {%- set query = 'select count(*) from (select 1 from ' ~ leads['raw'] ~ ' limit 100001) as first_rows' -%}
        {%- if run_query(query).rows[0][0] > 100000 -%}{{ return(false) }}{%- endif -%}
    {%- endfor -%}
    {{ return(true) }}
{%- endmacro %}

{# Raw column -> column of leads, for every field of the CRM but its id and times; the JSON object with the fields for which
   the raw table has no room is one of them. #}
{% macro staged_fields(leads, columns) -%}
    {%- set own = leads['ids'] + leads['times'].values() | list
        + ['leadloop_seen_at', 'leadloop_timezone', 'leadloop_sequence_number', '_dlt_load_id', '_dlt_id'] -%}
    {%- set fields = {} -%}
    {%- for column in columns if column not in own -%}
        {%- do fields.update({column: leadloop.lead_column(column)}) -%}
    {%- endfor -%}
    {{ return(fields) }}
{%- endmacro %}

{# One CRM's raw sightings with leadloop's names and types: blank is NULL, times are points in time, the id is lead_id,
   and every other column passes through as text. A row without an id can't be
   told from any other, and is left out.

   only, but: a relation or CTE with crm and lead_id; just the leads in it are read, or all but those. To say so here costs far less than
   to join the result with it: times and hashes are then never made for the others.

   few: whether those in only are few of all leads. #}
{% macro staged_leads(leads, only=none, but=none, few=false) -%}
    {%- set columns = leads['columns'] -%}
    {%- set ids = leads['ids'] | select('in', columns) | list -%}
    {%- set fields = leads['fields'] -%}
select
    '{{ leads['crm'] }}' as crm,
    lead_id,
    {%- for name in leads['times'] %}
    {{ name }},
    {%- endfor %}
    {%- for column in fields.values() %}
    {{ leadloop.quoted(column) }},
    {%- endfor %}
    leadloop_seen_at,
    leadloop_timezone,
    leadloop_sequence_number,
    _dlt_load_id,
    {{ '_row,' if only or but }}
    {{ leadloop.content_hash(fields.values() | list + ['_created_at_text', '_modified_at_text']) }} as content_hash
from (
    {{ leadloop.with_times(
        leadloop.blanked_leads(leads, columns, fields, ids, only, but, few), leads['times'], leadloop.zones_in(leads['crm'], leads['raw'])
    ) }}
) as timed
{%- endmacro %}

{# The raw columns under their new names, as text, blank as NULL.

   Few leads are found first, and nothing is then made of the others. #}
{% macro blanked_leads(leads, columns, fields, ids, only, but, few) -%}
    select *
    from (
        select
            {{ leadloop.first_blanked(ids, columns) }} as lead_id,
            {%- for name, column in leads['times'].items() %}
            {{ leadloop.blanked(column, columns) }} as _{{ name }}_text,
            {%- endfor %}
            {%- for raw_column, column in fields.items() %}
            {{ leadloop.blanked(raw_column, columns) }} as {{ leadloop.quoted(column) }},
            {%- endfor %}
            leadloop_seen_at,
            coalesce(leadloop_timezone, 'UTC') as leadloop_timezone,
            {{ leadloop.sequence_number(columns) }} as leadloop_sequence_number,
            _dlt_load_id
            {{- ', ' ~ leadloop.row_of(leads['raw']) ~ ' as _row' if only or but }}
        from {{ leads['raw'] }}
        {{- leadloop.where_few(leads, columns, ids, only) if few }}
    ) as renamed
    where
        lead_id is not null
        {%- if only %}
        and lead_id in (select {{ only }}.lead_id from {{ only }} where {{ only }}.crm = '{{ leads['crm'] }}')
        {%- elif but %}
        and lead_id not in (select {{ but }}.lead_id from {{ but }} where {{ but }}.crm = '{{ leads['crm'] }}')
        {%- endif %}
{%- endmacro %}

{# The rows of few leads, where an engine has no index for their ids, and would make everything of all leads before it looks for them. #}
{% macro where_few(leads, columns, ids, only) -%}
    {{ return(adapter.dispatch('where_few', 'leadloop')(leads, columns, ids, only)) }}
{%- endmacro %}

{% macro default__where_few(leads, columns, ids, only) -%}{%- endmacro %}

{# Read by row, or DuckDB would read every column of the whole table. #}
{% macro duckdb__where_few(leads, columns, ids, only) -%}
    {%- if leadloop.row_of(leads['raw']) == 'rowid' %}
        where rowid in (
            select ids._row
            from (
                select
                    rowid as _row,
                    {{ leadloop.first_blanked(ids, columns) }} as lead_id
                from {{ leads['raw'] }}
            ) as ids
            where ids.lead_id in (select {{ only }}.lead_id from {{ only }} where {{ only }}.crm = '{{ leads['crm'] }}')
        )
    {%- endif -%}
{%- endmacro %}

{% macro spark__where_few(leads, columns, ids, only) %}
        where {{ leadloop.first_blanked(ids, columns) }} in (
            select {{ only }}.lead_id from {{ only }} where {{ only }}.crm = '{{ leads['crm'] }}'
        )
{%- endmacro %}

{# What tells the rows of a raw table apart while a statement runs; unit tests, which have no table, override it. #}
{% macro row_of(raw) -%}
    {{ return(adapter.dispatch('row_of', 'leadloop')(raw)) }}
{%- endmacro %}

{% macro default__row_of(raw) -%}{{ return('ctid') }}{%- endmacro %}

{% macro duckdb__row_of(raw) -%}{{ return('rowid') }}{%- endmacro %}

{# Spark numbers no rows. Two of which everything is alike have one number: see rows_once. #}
{% macro spark__row_of(raw) -%}{{ return('md5(to_json(struct(*)))') }}{%- endmacro %}

{# A CTE of sighted leads, with each row of which everything is alike once, where row_of can't tell them apart. #}
{% macro rows_once(sighted, fields) -%}
    {{ return(adapter.dispatch('rows_once', 'leadloop')(sighted, fields)) }}
{%- endmacro %}

{% macro default__rows_once(sighted, fields) -%}{{ return(sighted) }}{%- endmacro %}

{% macro spark__rows_once(sighted, fields) -%}
    (
        select distinct crm, lead_id, _row, created_at, modified_at{{ leadloop.further(fields) }}
        from {{ sighted }}
    ) as {{ sighted }}
{%- endmacro %}

{# The leads of which there is a sighting in these loads (a CTE with crm and load_id). #}
{% macro leads_of_loads(crms, loads) -%}
    {%- for leads in crms %}
    {{- leadloop.union_of_sets() if not loop.first }}
    select
        '{{ leads['crm'] }}' as crm,
        {{ leadloop.first_blanked(leads['ids'], leads['columns']) }} as lead_id
    from {{ leads['raw'] }}
    where _dlt_load_id in (select {{ loads }}.load_id from {{ loads }} where {{ loads }}.crm = '{{ leads['crm'] }}')
    {{ leadloop.union_of_sets() }}
    select
        '{{ leads['crm'] }}' as crm,
        {{ leadloop.first_blanked(leads['ids'], leads['columns']) }} as lead_id
    from {{ leads['raw'] }}
    where
        _dlt_load_id is null
        and exists (select 1 from {{ loads }} where {{ loads }}.crm = '{{ leads['crm'] }}' and {{ loads }}.load_id = '')
    {% else -%}
    {{ leadloop.no_rows({'crm': 'text', 'lead_id': 'text'}) }}
    {%- endfor %}
{%- endmacro %}

{# The leads that were seen more than once. #}
{% macro leads_seen_again(crms) -%}
    {%- for leads in crms %}
    {{- 'union all' if not loop.first }}
    select
        '{{ leads['crm'] }}' as crm,
        lead_id
    from (
        select {{ leadloop.first_blanked(leads['ids'], leads['columns']) }} as lead_id
        from {{ leads['raw'] }}
    ) as ids
    where lead_id is not null
    group by lead_id
    having count(*) > 1
    {% else -%}
    {{ leadloop.no_rows({'crm': 'text', 'lead_id': 'text'}) }}
    {%- endfor %}
{%- endmacro %}

{# The number of the reading that a raw row comes from; NULL where nobody counted: in rows of older versions, and in those
   of a pipeline of the user's own. #}
{% macro sequence_number(columns) -%}
    {{ return('leadloop_sequence_number' if 'leadloop_sequence_number' in columns else 'cast(null as bigint)') }}
{%- endmacro %}

{# The leads of several CRMs, or those of them that are in "only" (see staged_leads), one below the other: what some CRM doesn't have is NULL in
   its rows. #}
{% macro staged_leads_of(crms, fields, only=none, but=none, few=false) -%}
    {%- for leads in crms %}
    {{- 'union all' if not loop.first }}
    select
        crm,
        lead_id,
        created_at,
        modified_at,
        leadloop_seen_at,
        leadloop_timezone,
        leadloop_sequence_number,
        _dlt_load_id,
        {{ '_row,' if only or but }}
        content_hash
        {%- for column in fields %},
        {{ 'cast(null as ' ~ leadloop.sql_type('text') ~ ') as ' if column not in leads['fields'].values() }}{{ leadloop.quoted(column) }}
        {%- endfor %}
    from ({{ leadloop.staged_leads(leads, only=only, but=but, few=few) }}) as {{ leads['crm'] }}
    {% else -%}
    {{ leadloop.no_rows(dict({
        'crm': 'text', 'lead_id': 'text', 'created_at': 'timestamptz', 'modified_at': 'timestamptz',
        'leadloop_seen_at': 'timestamptz', 'leadloop_timezone': 'text', 'leadloop_sequence_number': 'bigint',
        '_dlt_load_id': 'text', 'content_hash': 'text'
    }, **({'_row': 'bigint'} if only or but else {}))) }}
    {%- endfor %}
{%- endmacro %}
