{%- set journal = source('leadloop', 'push_journal') -%}
{%- set columns = leadloop.columns_of(journal) -%}
{%- if not columns -%}
{{ leadloop.no_rows({
    'run_id': 'text', 'seq': 'bigint', 'push': 'text', 'crm': 'text', 'lead_id': 'text', 'field': 'text',
    'column_name': 'text', 'state': 'text', 'old_value': 'text', 'value': 'text', 'code': 'text', 'reason': 'text',
    'recorded_at': 'timestamptz', 'crm_lead_id': 'text'
}) }}
{%- else -%}
select
    run_id,
    seq,
    push,
    crm,
    lead_id,
    field,
    column_name,
    state,
    {{ leadloop.blank_as_null('old_value') }} as old_value,
    {{ leadloop.blank_as_null('value') }} as value,
    code,
    reason,
    recorded_at,
    {{ 'crm_lead_id' if 'crm_lead_id' in columns else 'cast(null as text)' }} as crm_lead_id
from {{ journal }}
{%- endif %}
