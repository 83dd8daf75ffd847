{{ leadloop.push(
    desired = ref('leadloop', 'lead_scores_in_leadsquared'),  crm = 'leadsquared',  key = 'lead_id',
    fields = {'mx_Lead_Score': 'score', 'mx_Lead_Tier': 'tier'},
    on_conflict = 'crm_wins',  nulls = 'keep',
    max_changes = 5000,  max_share = 0.2
) }}
