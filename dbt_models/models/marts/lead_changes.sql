{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['crm', 'lead_id'],
    on_schema_change='append_new_columns',
    indexes=[{'columns': ['crm', 'lead_id']}] if target.type == 'postgres' else []
) }}
{%- set history = ref('leadloop', 'lead_history') -%}
{%- set names = leadloop.fields_among(leadloop.columns_of(history)) -%}
{%- set more = leadloop.more_fields() -%}
{#- PostgreSQL selects at most 1,664 columns at once, and each field needs two. DuckDB plans one query over a thousand
    columns far longer than several over some hundred. -#}
{%- set most = 200 if target.type == 'duckdb' else 800 -%}
{%- set parts = names | reject('equalto', more) | batch(most) | list or [[]] -%}
{#- Each version of the leads that were touched, beside the one before it, where there is one. -#}
{%- set versions -%}
{{ history }} as after
    inner join touched on after.crm = touched.crm and after.lead_id = touched.lead_id
    left join {{ history }} as before
        on
            after.crm = before.crm
            and after.lead_id = before.lead_id
            and after.version_number = before.version_number + 1
{%- endset -%}
{%- set compared = ['crm', 'lead_id', 'version_number', 'changed_at', 'sightings'] %}

-- What is here already; nothing, when the table is made from the beginning.
with known as (
    select
        crm,
        lead_id,
        max(sightings) as sightings
    from {{ this if is_incremental() else history }}
    {%- if not is_incremental() %}
    where false
    {%- endif %}
    group by crm, lead_id
),

touched as (
    select
        history.crm,
        history.lead_id
    from {{ history }} as history
    left join known on history.crm = known.crm and history.lead_id = known.lead_id
    where history.is_current and known.sightings is distinct from history.sightings
),

{% for part in parts -%}
pairs_{{ loop.index }} as materialized (
    select
        after.crm,
        after.lead_id,
        after.version_number,
        after.valid_from as changed_at,
        {%- for name in part %}
        before.{{ adapter.quote(name) }} as before_{{ loop.index }},
        after.{{ adapter.quote(name) }} as after_{{ loop.index }},
        {%- endfor %}
        after.sightings
    from {{ versions }}
),

{% endfor -%}
{% if more in names -%}
-- The fields for which the raw table has no columns.
objects as materialized (
    select
        after.crm,
        after.lead_id,
        after.version_number,
        after.valid_from as changed_at,
        after.sightings,
        before.{{ more }} as object_before,
        after.{{ more }} as object_after
    from {{ versions }}
    where before.{{ more }} is distinct from after.{{ more }}
),

named as (
    {%- for object in ['object_before', 'object_after'] %}
    {{ 'union' if not loop.first }}
    {{ leadloop.names_in_more('objects', object, compared + ['object_before', 'object_after']) }}
    {%- endfor %}
),

in_objects as (
    select
        {%- for column in compared %}
        {{ column }},
        {%- endfor %}
        field,
        {{ leadloop.one_of_more('object_before', 'field') }} as old_value,
        {{ leadloop.one_of_more('object_after', 'field') }} as new_value
    from named
),

{% endif -%}
changes as (
    {%- for part in parts %}
    {{ 'union all' if not loop.first }}
    {%- set fields = [] -%}
    {%- for name in part -%}
        {%- do fields.append({
            'field': "'" ~ name ~ "'",
            'old_value': 'before_' ~ loop.index,
            'new_value': 'after_' ~ loop.index
        }) -%}
    {%- endfor %}
    {{ leadloop.field_changes(pairs='pairs_' ~ loop.index, columns=compared, fields=fields) }}
    {%- endfor %}
    {%- if more in names %}
    union all
    select * from in_objects
    where old_value is distinct from new_value
    {%- endif %}
),

-- Everything we sent, except what the CRM certainly did not carry out: between the moment it was sent and the moment
-- the CRM said yes. Of a write whose answer was lost only the first is known.
writes as (
    select
        crm,
        coalesce(max(crm_lead_id), lead_id) as lead_id,
        column_name,
        value,
        min(recorded_at) as sent_at,
        coalesce(
            max(case when state = 'applied' then recorded_at end),
            max(case when state = 'confirmed' then recorded_at end),
            max(recorded_at)
        ) as done_at
    from {{ ref('leadloop', 'stg_leadloop__push_journal') }}
    where
        state in ('sent', 'applied', 'confirmed', 'rejected', 'deferred', 'conflict')
        -- Nothing was sent to a lead that the CRM had already, nor when a copy of the warehouse was put back.
        and coalesce(code, '') not in ('found', 'restored')
    group by run_id, push, crm, lead_id, field, column_name, value
    having
        count(case when state in ('applied', 'confirmed') then 1 end) > 0
        or count(case when state in ('rejected', 'deferred', 'conflict') then 1 end) = 0
),

-- A change is our own if we sent this very value while the CRM can have begun to show it: after the last sighting
-- without it, before the first sighting with it. A person who sets the same value a minute later is told apart by that.
pushed as (
    select distinct
        after.crm,
        after.lead_id,
        after.version_number,
        writes.column_name,
        coalesce(writes.value, '') as value
    from {{ versions }}
    inner join writes
        on
            after.crm = writes.crm
            and after.lead_id = writes.lead_id
            and after.first_seen_at >= writes.sent_at
    where before.last_seen_at is null or before.last_seen_at < writes.done_at
)

select
    changes.crm,
    changes.lead_id,
    changes.field,
    changes.version_number,
    changes.old_value,
    changes.new_value,
    changes.changed_at,
    case when pushed.lead_id is null then 'crm' else 'push' end as origin,
    changes.sightings,
    cast('{{ run_started_at }}' as timestamptz) as made_at
from changes
left join pushed
    on
        changes.crm = pushed.crm
        and changes.lead_id = pushed.lead_id
        and changes.version_number = pushed.version_number
        and changes.field = pushed.column_name
        and coalesce(changes.new_value, '') = pushed.value
