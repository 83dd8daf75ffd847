{%- for crm, raw in leadloop.calls_read().items() %}
{{ 'union all' if not loop.first }}
{{ leadloop.staged_calls(crm, raw) }}
{%- else -%}
{{ leadloop.no_rows({
    'crm': 'text', 'call_id': 'text', 'lead_id': 'text', 'list_id': 'text', 'campaign_id': 'text', 'campaign': 'text',
    'user_id': 'text', 'user_name': 'text', 'status': 'text', 'status_name': 'text', 'call_type': 'text',
    'number_dialed': 'text', 'ended_by': 'text', 'agent_comment': 'text', 'recordings': 'text', 'started_at': 'timestamptz',
    'seconds': 'integer', 'leadloop_seen_at': 'timestamptz', 'leadloop_timezone': 'text', '_dlt_load_id': 'text'
}) }}
{%- endfor %}
