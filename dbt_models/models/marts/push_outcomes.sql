{%- set whole_field = 'partition by run_id, push, crm, lead_id, field' -%}
with ranked as (
    select
        *,
        min(case when state = 'planned' then recorded_at end) over ({{ whole_field }}) as planned_at,
        min(case when state = 'planned' then old_value end) over ({{ whole_field }}) as planned_value,
        row_number() over (partition by run_id, push, crm, lead_id, field order by seq desc) as place
    from {{ ref('leadloop', 'int_push_history') }}
)

select
    run_id,
    push,
    crm,
    lead_id,
    field,
    column_name,
    state,
    state not in ('planned', 'sent', 'unknown') as is_final,
    -- The row of a value that the CRM keeps in another form has that form there.
    case when code = 'other_form' then planned_value else old_value end as old_value,
    value,
    code,
    reason,
    crm_lead_id,
    planned_at,
    case when state not in ('planned', 'sent', 'unknown') then recorded_at end as decided_at
from ranked
where place = 1
