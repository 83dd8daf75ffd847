{# What a table of leadloop's journal says, with the lead's id in its CRM where it is known, and blank values as NULL.

   journal: the table; runs: that of the runs, which says whose ids are the warehouse's own. #}
{% macro journal_rows(journal, runs) -%}
{%- set columns = leadloop.columns_of(journal) -%}
{%- if not columns -%}
{{ leadloop.no_rows({
    'run_id': 'text', 'seq': 'bigint', 'push': 'text', 'crm': 'text', 'lead_id': 'text', 'field': 'text',
    'column_name': 'text', 'state': 'text', 'old_value': 'text', 'value': 'text', 'code': 'text', 'reason': 'text',
    'recorded_at': 'timestamptz', 'crm_lead_id': 'text', 'sequence_number': 'bigint', 'is_undo': 'boolean'
}) }}
{%- else -%}
-- Runs whose lead_id is the warehouse's own, until the CRM has given one.
with adding as (
    select run_id
    from {{ runs }}
    where mode in ('insert', 'upsert')
),

-- Runs that took back what others had sent.
undoing as (
    select run_id
    from {{ runs }}
    where {{ 'undoes is not null' if 'undoes' in leadloop.columns_of(runs) else 'false' }}
)

select
    journal.run_id,
    journal.seq,
    journal.push,
    journal.crm,
    journal.lead_id,
    journal.field,
    journal.column_name,
    journal.state,
    {{ leadloop.blank_as_null('journal.old_value') }} as old_value,
    {{ leadloop.blank_as_null('journal.value') }} as value,
    journal.code,
    journal.reason,
    journal.recorded_at,
    {%- if 'crm_lead_id' in columns %}
    coalesce(journal.crm_lead_id, case when adding.run_id is null then journal.lead_id end) as crm_lead_id,
    {%- else %}
    case when adding.run_id is null then journal.lead_id end as crm_lead_id,
    {%- endif %}
    {{ 'journal.sequence_number' if 'sequence_number' in columns else 'cast(null as bigint) as sequence_number' }},
    undoing.run_id is not null as is_undo
from {{ journal }} as journal
left join adding on journal.run_id = adding.run_id
left join undoing on journal.run_id = undoing.run_id
{%- endif %}
{%- endmacro %}
