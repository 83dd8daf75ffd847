select
    matches.lead_id,
    scores.score,
    scores.tier
from {{ ref('leadloop', 'lead_matches') }} as matches
inner join {{ ref('leadloop', 'lead_scores') }} as scores on matches.convoso_lead_id = scores.lead_id
where matches.crm = 'pollybot'
