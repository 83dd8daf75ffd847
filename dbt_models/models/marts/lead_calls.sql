-- A view: there are few sightings of a call.
with ranked as (
    select
        *,
        min(leadloop_seen_at) over (partition by crm, call_id) as first_seen_at,
        row_number() over (
            partition by crm, call_id
            order by leadloop_seen_at desc, started_at desc nulls last, status desc nulls last, seconds desc nulls last
        ) as place
    from {{ ref('leadloop', 'stg_calls') }}
)

select
    crm,
    call_id,
    lead_id,
    list_id,
    campaign_id,
    campaign,
    user_id,
    user_name,
    status,
    status_name,
    call_type,
    number_dialed,
    ended_by,
    agent_comment,
    recordings,
    started_at,
    seconds,
    first_seen_at,
    leadloop_seen_at as last_seen_at
from ranked
where place = 1
