{%- for crm, raw in leadloop.recordings_read().items() %}
{{ 'union all' if not loop.first }}
{{ leadloop.staged_recordings(crm, raw) }}
{%- else -%}
{{ leadloop.no_rows({
    'crm': 'text', 'recording_id': 'text', 'lead_id': 'text', 'started_at': 'timestamptz', 'ended_at': 'timestamptz',
    'seconds': 'integer', 'url': 'text', 'leadloop_seen_at': 'timestamptz', 'leadloop_timezone': 'text',
    '_dlt_load_id': 'text'
}) }}
{%- endfor %}
