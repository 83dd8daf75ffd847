{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['crm', 'lead_id'],
    on_schema_change='append_new_columns' if target.type != 'spark' else 'ignore',
    indexes=[{'columns': ['crm', 'lead_id']}, {'columns': ['build_number']}] if target.type == 'postgres' else [],
    pre_hook=[
        "{{ leadloop.forget_first_sightings(this) }}",
        "{{ leadloop.note_builds(this, ref('leadloop', 'lead_history')) }}"
    ],
    post_hook=["{{ leadloop.rows_are_built(this) }}", "{{ leadloop.builds_are_made(this) }}"]
) }}
{%- set history = ref('leadloop', 'lead_history') -%}
{%- set names = leadloop.fields_among(leadloop.columns_of(history)) -%}
{%- set more = leadloop.more_fields() -%}
{%- set fields = names | reject('equalto', more) | list -%}
{%- set shown = [] -%}
{%- for field in fields -%}{%- do shown.append(leadloop.quoted(field)) -%}{%- endfor -%}
{%- set pair = ['crm', 'lead_id', 'version_number'] %}
{%- set is_increment = is_incremental() and leadloop.has_build_number(this) -%}
{%- set late = leadloop.late_answers(this) if is_increment else none %}

-- The versions of the leads that were made anew since this table was, and of those of whose writes more is known since;
-- of all leads, when it is made from the beginning. Their fields are one list, so that a thousand of them cost what a
-- thousand values cost.
with {% if late -%}
late as (
    {{ late }}
),

{% endif -%}
made as (
    select
        crm,
        lead_id,
        version_number,
        valid_from,
        first_seen_at,
        last_seen_at,
        sightings,
        build_number,
        {%- if more in names %}
        {{ more }},
        {%- endif %}
        {{ leadloop.list_of(shown) }} as shown
    from {{ history }}
    where
        {% if is_increment and late -%}
        (
            {{ leadloop.of_noted_builds(this) }}
            or {{ leadloop.is_lead_of('late') }}
        )
        and {% elif is_increment -%}
        {{ leadloop.of_noted_builds(this) }}
        and {% endif -%}
        not (version_number = 1 and is_current)
),

pairs as (
    select
        after.crm,
        after.lead_id,
        after.version_number,
        after.valid_from as changed_at,
        after.first_seen_at,
        before.last_seen_at,
        after.sightings,
        after.build_number,
        {%- if more in names %}
        before.{{ more }} as object_before,
        after.{{ more }} as object_after,
        {%- endif %}
        before.shown as shown_before,
        after.shown as shown_after
    from made as after
    inner join made as before
        on
            after.crm = before.crm
            and after.lead_id = before.lead_id
            and after.version_number = before.version_number + 1
),

{% if more in names -%}
-- The fields for which the raw table has no columns.
objects as (
    select
        crm,
        lead_id,
        version_number,
        object_before,
        object_after
    from pairs
    where {{ leadloop.texts_differ('object_before', 'object_after') }}
),

named as (
    {%- for object in ['object_before', 'object_after'] %}
    {{ leadloop.union_of_sets() if not loop.first }}
    {{ leadloop.names_in_more('objects', object, pair + ['object_before', 'object_after']) }}
    {%- endfor %}
),

{% endif -%}
changes as (
    {{ leadloop.entries_that_differ('pairs', pair, fields) }}
    {%- if more in names %}
    union all
    select
        crm,
        lead_id,
        version_number,
        field,
        {{ leadloop.one_of_more('object_before', 'field') }} as old_value,
        {{ leadloop.one_of_more('object_after', 'field') }} as new_value
    from named
    where
        {{ leadloop.texts_differ(
            leadloop.one_of_more('object_before', 'field'), leadloop.one_of_more('object_after', 'field')
        ) }}
    {%- endif %}
),

-- The leads of the pairs, by the ids that the runs know them by: a lead that was added has two.
sent_to as (
    select distinct
        said.run_id,
        said.push,
        said.crm,
        said.lead_id
    from {{ ref('leadloop', 'int_push_history') }} as said
    inner join pairs on said.crm = pairs.crm and said.crm_lead_id = pairs.lead_id
),

said as (
    select said.*
    from {{ ref('leadloop', 'int_push_history') }} as said
    inner join sent_to
        on
            said.run_id = sent_to.run_id
            and said.push = sent_to.push
            and said.crm = sent_to.crm
            and said.lead_id = sent_to.lead_id
),

-- Everything we sent, except what the CRM certainly did not carry out: between the moment it was sent and the moment
-- the CRM said yes. Of a write whose answer was lost only the first is known.
writes as (
    select
        crm,
        max(crm_lead_id) as written_to,
        column_name,
        value,
        min(recorded_at) as sent_at,
        coalesce(
            max(case when state = 'applied' then recorded_at end),
            max(case when state = 'confirmed' then recorded_at end),
            max(recorded_at)
        ) as done_at
    from said
    where
        state in ('sent', 'applied', 'confirmed', 'rejected', 'deferred', 'conflict')
        -- Nothing was sent to a lead that the CRM had already, when a copy of the warehouse was put back, or with a
        -- release.
        and coalesce(code, '') not in ('found', 'restored', 'released')
    group by run_id, push, crm, lead_id, field, column_name, value
    having
        count(case when state in ('applied', 'confirmed') then 1 end) > 0
        or count(case when state in ('rejected', 'deferred', 'conflict') then 1 end) = 0
),

-- A change is our own if we sent this very value while the CRM can have begun to show it: after the last sighting
-- without it, before the first sighting with it. A person who sets the same value a minute later is told apart by that.
pushed as (
    select distinct
        pairs.crm,
        pairs.lead_id,
        pairs.version_number,
        writes.column_name,
        coalesce(writes.value, '') as value
    from pairs
    inner join writes
        on
            pairs.crm = writes.crm
            and pairs.lead_id = writes.written_to
            and pairs.first_seen_at >= writes.sent_at
            and pairs.last_seen_at < writes.done_at
)

select
    changes.crm,
    changes.lead_id,
    changes.field,
    changes.version_number,
    changes.old_value,
    changes.new_value,
    pairs.changed_at,
    case when pushed.lead_id is null then 'crm' else 'push' end as origin,
    pairs.sightings,
    pairs.build_number,
    cast('{{ run_started_at }}' as {{ leadloop.sql_type('timestamptz') }}) as made_at
from changes
inner join pairs
    on
        changes.crm = pairs.crm
        and changes.lead_id = pairs.lead_id
        and changes.version_number = pairs.version_number
left join pushed
    on
        changes.crm = pushed.crm
        and changes.lead_id = pushed.lead_id
        and changes.version_number = pushed.version_number
        and changes.field = pushed.column_name
        and coalesce(changes.new_value, '') = pushed.value
