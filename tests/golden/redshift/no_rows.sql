select
    cast(null as varchar(65535)) as crm,
    cast(null as timestamptz) as seen_at,
    cast(null as bigint) as number,
    cast(null as timestamp) as clock
where false
