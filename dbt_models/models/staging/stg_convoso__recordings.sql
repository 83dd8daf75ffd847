{%- set recordings = source('convoso_raw', 'recordings') -%}
{%- if leadloop.columns_of(recordings) -%}
{{ leadloop.staged_recordings('convoso', recordings) }}
{%- else -%}
{{ leadloop.no_rows({
    'crm': 'text', 'recording_id': 'text', 'lead_id': 'text', 'started_at': 'timestamptz', 'ended_at': 'timestamptz',
    'seconds': 'integer', 'url': 'text', 'leadloop_seen_at': 'timestamptz', 'leadloop_timezone': 'text',
    '_dlt_load_id': 'text'
}) }}
{%- endif %}
