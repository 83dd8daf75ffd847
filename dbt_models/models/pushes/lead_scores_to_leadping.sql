{{ leadloop.push(
    desired = ref('leadloop', 'lead_scores_in_leadping'),  crm = 'leadping',  key = 'lead_id',
    fields = {'metadata.sourceMetadata.leadScore': 'score', 'metadata.sourceMetadata.leadTier': 'tier'},
    on_conflict = 'crm_wins',  nulls = 'keep',
    max_changes = 5000,  max_share = 0.2
) }}
