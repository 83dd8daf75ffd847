{{ config(materialized='table') }}
{#- An account need not have any of these fields. -#}
{%- set there = leadloop.columns_of(ref('leadloop', 'leads')) -%}
{%- set points = {
    'email': 20, 'alt_phone_1': 10, 'address1': 10, 'monthly_revenue': 15, 'plan_interest': 15, 'std_company_name': 10
} -%}

-- The newest 15 % of the leads, scored by how much is known of them. The score depends on nothing that its own push
-- changes, neither on the fields it writes nor on the time of modification, so a second run finds nothing left to send.
with newest_first as (
    select
        lead_id,
        20
        {%- for field, worth in points.items() if field in there %}
        + case when {{ field }} is not null then {{ worth }} else 0 end
        {%- endfor %} as score,
        row_number() over (order by created_at desc, lead_id desc) as place,
        count(*) over () as leads
    from {{ ref('leadloop', 'leads') }}
    where
        crm = 'convoso'
        and removed_at is null
        and created_at is not null
)

select
    lead_id,
    score,
    case
        when score >= 80 then 'hot'
        when score >= 60 then 'warm'
        else 'cold'
    end as tier
from newest_first
where place <= floor(0.15 * leads)
