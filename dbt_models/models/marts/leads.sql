{%- set history = ref('leadloop', 'lead_history') -%}
{%- set fields = leadloop.fields_among(leadloop.columns_of(history)) -%}
{%- set types = leadloop.lead_types(fields) -%}
{# No CTE, since it is used twice: DuckDB makes a copy of such a CTE, and then reads every column of the book, whatever
   is asked of the leads. #}
{%- set removals = ref('leadloop', 'stg_lead_removals') %}
with gone as (
    select distinct
        crm,
        lead_id
    from {{ removals }}
),

-- When each of the leads that were ever removed was last seen as one that is there, and when it was modified by what
-- the CRM showed then.
alive as (
    select
        history.crm,
        history.lead_id,
        max(history.last_seen_at) as last_seen_at,
        max(history.last_sequence_number) as last_sequence_number,
        max(case when history.is_current then history.modified_at end) as modified_at
    from {{ history }} as history
    inner join gone on history.crm = gone.crm and history.lead_id = gone.lead_id
    group by history.crm, history.lead_id
),

-- A lead is back once it was seen, or modified, after its removal. Of the sightings that are left, those in which the
-- CRM says when it went count more than those in which it could not be found.
ranked as (
    select
        removals.crm,
        removals.lead_id,
        removals.removal,
        removals.merged_into,
        coalesce(
            removals.removed_at,
            min(removals.leadloop_seen_at) over (partition by removals.crm, removals.lead_id)
        ) as removed_at,
        row_number() over (
            partition by removals.crm, removals.lead_id
            order by
                case when removals.removed_at is null then 1 else 0 end,
                removals.removed_at desc,
                removals.leadloop_seen_at desc,
                removals.removal desc nulls last,
                removals.merged_into desc nulls last
        ) as place
    from {{ removals }} as removals
    inner join alive on removals.crm = alive.crm and removals.lead_id = alive.lead_id
    where
        case
            when removals.leadloop_sequence_number is not null and alive.last_sequence_number is not null
                then removals.leadloop_sequence_number >= alive.last_sequence_number
            -- A time in the future is none to go by.
            when
                alive.last_sequence_number is not null
                and removals.leadloop_seen_at > {{ leadloop.now() }} + {{ leadloop.span(1, 'minute') }}
                then false
            else removals.leadloop_seen_at >= alive.last_seen_at
        end
        and (removals.removed_at is null or alive.modified_at is null or alive.modified_at <= removals.removed_at)
),

removed as (
    select
        crm,
        lead_id,
        removal,
        merged_into,
        removed_at
    from ranked
    where place = 1
)

select
    history.crm,
    history.lead_id,
    history.created_at,
    history.modified_at,
    removed.removed_at,
    removed.removal,
    removed.merged_into,
    history.last_seen_at,
    history.last_sequence_number{{ leadloop.further_typed(fields, types, 'history') }}
from {{ history }} as history
left join removed on history.crm = removed.crm and history.lead_id = removed.lead_id
where history.is_current
