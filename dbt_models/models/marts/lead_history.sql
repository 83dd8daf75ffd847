{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['crm', 'lead_id'],
    on_schema_change='append_new_columns' if target.type != 'spark' else 'ignore',
    indexes=[{'columns': ['crm', 'lead_id']}, {'columns': ['build_number']}] if target.type == 'postgres' else [],
    pre_hook="{{ leadloop.note_loads(this) }}",
    post_hook="{{ leadloop.rows_are_built(this) }}"
) }}
{#- With one CRM that is read, this is the SQL for one. -#}
{%- set crms = leadloop.crms_read() -%}
{%- set fields = leadloop.fields_of(crms) %}
{%- do leadloop.plan_quickly(fields) %}
{#- Snowflake knows no name for a window. -#}
{%- set by_time = 'partition by crm, lead_id'
    ~ ' order by reading, leadloop_seen_at, modified_at nulls first, content_hash' %}
{%- set by_version = 'partition by crm, lead_id order by version_number' %}
{%- set at_once = is_incremental() or leadloop.wide_and_short(crms, fields) %}

{% if at_once -%}
with to_read as (
    {{ leadloop.loads_to_read(this) }}
),

-- A lead is made anew, with all its versions, whenever a load brings a sighting of it. So a version that arrives late
-- finds its place between its neighbours.
touched as {{ leadloop.materialized() }} (
    {{ leadloop.leads_of_loads(crms, 'to_read') }}
),

sighted as {{ leadloop.materialized() }} (
    {{ leadloop.staged_leads_of(crms, fields, only='touched', few=is_incremental()) }}
),

{%- else -%}
-- Made from the beginning, most leads have been seen once: they are taken as they come, and only the others are put in
-- order.
with touched as (
    {{ leadloop.leads_seen_again(crms) }}
),

sighted as {{ leadloop.materialized(false) }} (
    {{ leadloop.staged_leads_of(crms, fields, only='touched') }}
),

{%- endif %}

-- A reading takes its number from the warehouse before its first call; what has none comes after all seen before it. A
-- time in the future is none to go by: such a sighting comes before all that have a number.
counted_through as (
    select
        crm,
        lead_id,
        _row,
        modified_at,
        leadloop_seen_at,
        content_hash,
        leadloop_sequence_number,
        coalesce(
            leadloop_sequence_number,
            case
                when leadloop_seen_at <= {{ leadloop.now() }} + {{ leadloop.span(1, 'minute') }}
                    then max(leadloop_sequence_number) over (
                        partition by crm, lead_id
                        order by leadloop_seen_at, leadloop_sequence_number nulls last
                        rows between unbounded preceding and current row
                    )
            end,
            0
        ) as reading
    from sighted
),

-- What the CRM showed last is what it shows, also where its time of modification went back: a lead that was restored or
-- merged there. Of what was seen at once, the later modification is the later version.
-- From here to the end only what decides about versions is carried along: sorting whole leads again and again is dear.
in_order as (
    select
        _row,
        crm,
        lead_id,
        modified_at,
        leadloop_seen_at,
        leadloop_sequence_number,
        content_hash,
        row_number() over ({{ by_time }}) as place,
        lag(content_hash) over ({{ by_time }}) as content_before
    from counted_through
),

-- Only a repeat that follows its like is no version: A, B, A are three, since an edit through an API may well leave the
-- time of modification as it was.
numbered as (
    select
        *,
        content_before is null or content_before <> content_hash as is_first,
        cast(
            sum(case when content_before = content_hash then 0 else 1 end) over (
                partition by crm, lead_id
                order by place
                rows between unbounded preceding and current row
            ) as integer
        ) as version_number
    from in_order
),

spanned as (
    select
        crm,
        lead_id,
        version_number,
        max(case when is_first then _row end) as _row,
        max(case when is_first then modified_at end) as modified_at,
        max(case when is_first then content_hash end) as content_hash,
        min(leadloop_seen_at) as first_seen_at,
        max(leadloop_seen_at) as last_seen_at,
        max(leadloop_sequence_number) as last_sequence_number,
        count(*) as sightings
    from numbered
    group by crm, lead_id, version_number
),

-- A version is valid from its modification, where that moved on, and otherwise from the moment it was first seen.
begun as (
    select
        *,
        case
            when modified_at > lag(modified_at) over ({{ by_version }}) then modified_at
            when lag(modified_at) over ({{ by_version }}) is null and modified_at is not null then modified_at
            else first_seen_at
        end as begins_at
    from spanned
),

monotone as (
    select
        *,
        max(begins_at) over (
            partition by crm, lead_id
            order by version_number
            rows between unbounded preceding and current row
        ) as valid_from
    from begun
),

versions as (
    select
        crm,
        _row,
        version_number,
        valid_from,
        first_seen_at,
        last_seen_at,
        last_sequence_number,
        content_hash,
        sum(sightings) over (partition by crm, lead_id) as sightings,
        lead(valid_from) over ({{ by_version }}) as valid_to,
        lead(version_number) over ({{ by_version }}) is null as is_current
    from monotone
)

select
    sighted.crm,
    sighted.lead_id,
    versions.version_number,
    versions.valid_from,
    versions.valid_to,
    versions.is_current,
    versions.first_seen_at,
    versions.last_seen_at,
    versions.last_sequence_number,
    cast(versions.sightings as bigint) as sightings,
    {{ leadloop.this_build(this) }} as build_number,
    cast('{{ run_started_at }}' as {{ leadloop.sql_type('timestamptz') }}) as made_at,
    versions.content_hash,
    sighted.created_at,
    sighted.modified_at{{ leadloop.further(fields, 'sighted') }}
from versions
inner join {{ leadloop.rows_once('sighted', fields) }}
    on versions.crm = sighted.crm and versions._row = sighted._row
{%- if not at_once %}
union all
select
    once.crm,
    once.lead_id,
    1 as version_number,
    coalesce(once.modified_at, once.leadloop_seen_at) as valid_from,
    cast(null as {{ leadloop.sql_type('timestamptz') }}) as valid_to,
    true as is_current,
    once.leadloop_seen_at as first_seen_at,
    once.leadloop_seen_at as last_seen_at,
    once.leadloop_sequence_number as last_sequence_number,
    cast(1 as bigint) as sightings,
    {{ leadloop.this_build(this) }} as build_number,
    cast('{{ run_started_at }}' as {{ leadloop.sql_type('timestamptz') }}) as made_at,
    once.content_hash,
    once.created_at,
    once.modified_at{{ leadloop.further(fields, 'once') }}
from ({{ leadloop.staged_leads_of(crms, fields, but='touched') }}) as once
{%- endif %}
