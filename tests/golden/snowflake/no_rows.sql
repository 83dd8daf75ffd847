select
    cast(null as varchar) as crm,
    cast(null as timestamp_tz) as seen_at,
    cast(null as bigint) as number,
    cast(null as timestamp_ntz) as clock
where false
