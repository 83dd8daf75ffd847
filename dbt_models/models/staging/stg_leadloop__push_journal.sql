{%- set journal = source('leadloop', 'push_journal') -%}
{%- if not leadloop.columns_of(journal) -%}
{{ leadloop.no_rows({
    'run_id': 'text', 'seq': 'bigint', 'push': 'text', 'crm': 'text', 'lead_id': 'text', 'field': 'text',
    'column_name': 'text', 'state': 'text', 'old_value': 'text', 'value': 'text', 'code': 'text', 'reason': 'text',
    'recorded_at': 'timestamptz'
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
    recorded_at
from {{ journal }}
{%- endif %}
