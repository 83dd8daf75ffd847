{{ config(materialized='view') }}

select
    run_id,
    seq,
    push,
    crm,
    lead_id,
    field,
    column_name,
    state,
    old_value,
    value,
    code,
    reason,
    recorded_at,
    crm_lead_id,
    sequence_number
from {{ ref('leadloop', 'stg_leadloop__push_journal') }}
union all
select
    run_id,
    seq,
    push,
    crm,
    lead_id,
    field,
    column_name,
    state,
    old_value,
    value,
    code,
    reason,
    recorded_at,
    crm_lead_id,
    sequence_number
from {{ ref('leadloop', 'stg_leadloop__push_journal_archive') }}
