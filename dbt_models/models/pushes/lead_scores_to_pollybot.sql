{{ leadloop.push(
    desired = ref('leadloop', 'lead_scores_in_pollybot'),  crm = 'pollybot',  key = 'lead_id',
    fields = {'metadata.lead_score': 'score', 'metadata.tier': 'tier'},
    on_conflict = 'crm_wins',  nulls = 'keep',
    max_changes = 5000,  max_share = 0.2
) }}
