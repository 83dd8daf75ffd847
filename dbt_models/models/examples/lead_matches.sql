{{ config(materialized='table') }}
{#- Each CRM has names of its own for these, and an account need not have any of them. -#}
{%- set there = leadloop.columns_of(ref('leadloop', 'leads')) -%}
{%- set phones = ['phone_number', 'phone', 'mobile', 'contact_phone_number'] | select('in', there) | list -%}
{#- NULL as a text, whatever an engine calls texts. -#}
{%- set nothing = "nullif('', '')" -%}
{%- set phone = 'coalesce(' ~ (phones + [nothing]) | join(', ') ~ ')' -%}
{#- BigQuery's translate takes no character twice. -#}
{%- set digits = "regexp_replace(" ~ phone ~ ", '[^0-9]', '')" if target.type == 'bigquery'
    else 'translate(' ~ phone ~ ', translate(' ~ phone ~ ", '0123456789', ''), '')" -%}
{%- set emails = ['email', 'email_address', 'contact_email'] | select('in', there) | list -%}

-- The last ten digits of a phone number are the same with and without the country's code; fewer than seven are none.
with people as {{ 'not materialized' if target.type in ['duckdb', 'postgres'] }} (
    select
        crm,
        lead_id,
        created_at,
        right({{ digits }}, 10) as phone,
        lower(trim(coalesce({{ (emails + [nothing]) | join(', ') }}))) as email
    from {{ ref('leadloop', 'leads') }}
    where removed_at is null
),

others as (
    select
        crm,
        lead_id,
        case when length(phone) >= 7 then phone end as phone,
        email
    from people
    where crm <> 'convoso'
),

-- Of several leads of one person the newest is meant.
by_phone as (
    select
        lead_id,
        phone,
        row_number() over (partition by phone order by created_at desc nulls last, lead_id desc) as place
    from people
    where crm = 'convoso' and phone in (select others.phone from others)
),

by_email as (
    select
        lead_id,
        email,
        row_number() over (partition by email order by created_at desc nulls last, lead_id desc) as place
    from people
    where crm = 'convoso' and email in (select others.email from others)
)

select
    others.crm,
    others.lead_id,
    coalesce(by_phone.lead_id, by_email.lead_id) as convoso_lead_id,
    case when by_phone.lead_id is not null then 'phone' else 'email' end as matched_by
from others
left join by_phone on others.phone = by_phone.phone and by_phone.place = 1
left join by_email on others.email = by_email.email and by_email.place = 1
where by_phone.lead_id is not null or by_email.lead_id is not null
