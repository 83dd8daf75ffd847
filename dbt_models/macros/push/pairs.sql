{# CTE "pairs": one row per row of desired, beside the lead as the CRM showed it. In the modes that add leads, the CTE "added"
   stands before it. #}
{% macro push_pairs(desired, options, leads, fields, counted) -%}
{%- set adds = options['mode'] in ['insert', 'upsert'] -%}
{%- set types = leadloop.types_there(desired) -%}
given_texts as (
    select
        {{ leadloop.as_text('given.' ~ options['key'], types.get(options['key'] | lower)) }} as key_text
        {%- if options['lead_id'] %},
        {{ leadloop.as_text('given.' ~ options['lead_id'], types.get(options['lead_id'] | lower)) }} as lead_id_text
        {%- endif %}
        {%- for column in options['fields'].values() %},
        {{ leadloop.as_text('given.' ~ column, types.get(column | lower)) }} as text_{{ loop.index }},
        {{ leadloop.unsendable('given.' ~ column, types.get(column | lower)) }} as unsendable_{{ loop.index }}
        {%- endfor %}
    from {{ desired }} as given
),

given_rows as (
    select
        {{ leadloop.blank_as_null('key_text') }} as lead_id,
        count(*) over (partition by key_text) as copies
        {%- if options['lead_id'] %},
        {{ leadloop.blank_as_null('lead_id_text') }} as given_lead_id
        {%- endif %}
        {%- for _ in options['fields'] %},
        {{ leadloop.blank_as_null('text_' ~ loop.index) }} as desired_{{ loop.index }},
        unsendable_{{ loop.index }}
        {%- endfor %}
    from given_texts
),

desired as (
    select
        given_rows.*,
        {%- if not adds %}
        given_rows.lead_id as crm_lead_id
        {%- elif options['mode'] == 'insert' %}
        added.lead_id is not null as is_added,
        cast(null as {{ leadloop.sql_type('text') }}) as crm_lead_id
        {%- else %}
        added.lead_id is not null as is_added,
        {{ 'coalesce(given_rows.given_lead_id, added.crm_lead_id) as crm_lead_id' if options['lead_id'] else 'added.crm_lead_id' }}
        {%- endif %}
    from given_rows
    {%- if adds %}
    left join added on given_rows.lead_id = added.lead_id
    {%- endif %}
),

{# No copy of the whole book: its columns are read, and no more is made of them than of the leads that are wanted. The model has
    hundreds of columns, and whoever names it has the engine look at all of them, so it is named once. #}
shown as {{ leadloop.materialized(false) }} (
    select
        lead_id,
        removed_at,
        {{ 'last_sequence_number,' if counted }}
        last_seen_at
        {%- for field in fields %},
        {{ field['text'] }} as shown_{{ loop.index }}
        {%- endfor %}
    from {{ leads }}
    where crm = {{ leadloop.literal(options['crm']) }}
),

{# Each question ends with the first lead that answers it. #}
reading as (
    select
        {{ leadloop.has_rows('select 1 from shown') }} as is_read
        {%- for field in fields if field['is_there'] %},
        -- Another CRM may have a column of this name: what is shown is a matter of this CRM's own leads.
        {{ leadloop.has_rows('select 1 from shown where ' ~ leadloop.blank_as_null(field['old_value']) ~ ' is not null') }} as {{ field['is_shown'] }}
        {%- endfor %}
),

pairs as (
    select
        desired.*,
        reading.is_read,
        {%- for field in fields if field['is_there'] %}
        reading.{{ field['is_shown'] }},
        {%- endfor %}
        shown.lead_id is not null as is_known,
        shown.removed_at is not null as is_removed,
        {{ 'shown.last_sequence_number,' if counted }}
        shown.last_seen_at
        {%- for field in fields %},
        {{ leadloop.blank_as_null('shown.shown_' ~ loop.index) }} as shown_{{ loop.index }}
        {%- endfor %}
    from desired
    cross join reading
    left join shown on desired.crm_lead_id = shown.lead_id
)
{%- endmacro %}
