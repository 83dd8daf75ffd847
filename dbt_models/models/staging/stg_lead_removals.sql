{%- for crm, raw in leadloop.removals_read().items() %}
{{ 'union all' if not loop.first }}
{{ leadloop.staged_removals(crm, raw) }}
{%- else -%}
{{ leadloop.no_rows({
    'crm': 'text', 'lead_id': 'text', 'removal': 'text', 'merged_into': 'text', 'removed_at': 'timestamptz',
    'leadloop_seen_at': 'timestamptz', 'leadloop_timezone': 'text', 'leadloop_sequence_number': 'bigint', '_dlt_load_id': 'text'
}) }}
{%- endfor %}
