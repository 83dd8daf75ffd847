select cast(tier as integer) as tier, {{ acme_utils.shout('label') }} || ' {{ var("region") }}' as label from {{ ref('tier_names') }}
