-- A view: there are few sightings of a recording, and nobody reads all recordings often.
with ranked as (
    select
        *,
        min(leadloop_seen_at) over (partition by crm, recording_id) as first_seen_at,
        row_number() over (
            partition by crm, recording_id
            order by
                leadloop_seen_at desc, lead_id desc nulls last, started_at desc nulls last, url desc nulls last
        ) as place
    from {{ ref('leadloop', 'stg_recordings') }}
)

select
    crm,
    recording_id,
    lead_id,
    started_at,
    ended_at,
    seconds,
    url,
    first_seen_at,
    leadloop_seen_at as last_seen_at
from ranked
where place = 1
