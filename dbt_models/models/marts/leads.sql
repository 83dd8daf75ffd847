{%- set history = ref('lead_history') -%}
{%- set fields = leadloop.fields_among(leadloop.columns_of(history)) -%}
select
    crm,
    lead_id,
    created_at,
    modified_at,
    -- No deleted or archived leads are read yet, so nobody is known to have left.
    cast(null as timestamptz) as removed_at,
    cast(null as text) as removal,
    last_seen_at{{ leadloop.further(fields) }}
from {{ history }}
where is_current
