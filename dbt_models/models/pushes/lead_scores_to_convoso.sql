{{ leadloop.push(
    desired = ref('leadloop', 'lead_scores'),  crm = 'convoso',  key = 'lead_id',
    fields = {'lead_score': 'score', 'title': 'tier'},
    on_conflict = 'crm_wins',  nulls = 'keep',
    max_changes = 5000,  max_share = 0.2
) }}
