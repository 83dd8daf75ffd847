{# A deletion: one row for each lead of desired that the CRM still has. *: it is about no single field.

   A lead that we deleted and that was seen again since is somebody's doing: a conflict. A deletion that was refused is
   held back until the lead is read again. #}
{% macro push_deletions(desired, options, leads, memory) -%}
    {%- set counted = 'last_sequence_number' in leadloop.columns_of(leads) -%}
with {{ leadloop.remembered(['accepted', 'refused'], options, memory) }},

{{ leadloop.push_pairs(desired, options, leads, [], counted) }}

select
    {{ leadloop.literal(options['crm']) }} as crm,
    pairs.lead_id,
    '*' as field,
    '*' as column_name,
    cast(null as {{ leadloop.sql_type('text') }}) as current_value,
    cast(null as {{ leadloop.sql_type('text') }}) as desired_value,
    cast(null as {{ leadloop.sql_type('text') }}) as base_value,
    case
        when pairs.lead_id is null or (pairs.is_read and not pairs.is_known) then 'unknown_lead'
        when refused.code in ('resolved', 'skipped') or {{ leadloop.unseen('refused', 'pairs', counted) }} then 'rejected'
        when refused.lead_id is not null and pairs.last_seen_at is null then 'rejected'
        when accepted.lead_id is not null and coalesce(accepted.code, '') <> 'resolved' then 'conflict'
        else 'delete'
    end as verdict,
    (select count(*) from {{ desired }}) as desired_leads,
    cast(null as {{ leadloop.sql_type('text') }}) as unsendable
from pairs
left join accepted on pairs.lead_id = accepted.lead_id and accepted.field = '*'
left join refused on pairs.lead_id = refused.lead_id
where
    pairs.copies > 1
    or pairs.lead_id is null
    or not (
        pairs.is_removed
        or (
            accepted.lead_id is not null
            and coalesce(accepted.code, '') <> 'resolved'
            and (pairs.last_seen_at is null or {{ leadloop.unseen('accepted', 'pairs', counted) }})
        )
    )
{%- endmacro %}
