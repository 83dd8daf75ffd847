{#- A workspace of PollyBot's older generation has metadata in place of customFields: copy this push and write
    'metadata.lead_score' and 'metadata.tier'. -#}
{{ leadloop.push(
    desired = ref('leadloop', 'lead_scores_in_pollybot'),  crm = 'pollybot',  key = 'lead_id',
    fields = {'customFields.lead_score': 'score', 'customFields.tier': 'tier'},
    on_conflict = 'crm_wins',  nulls = 'keep',
    max_changes = 5000,  max_share = 0.2
) }}
