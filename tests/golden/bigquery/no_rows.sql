select
    cast(null as string) as crm,
    cast(null as timestamp) as seen_at,
    cast(null as int64) as number,
    cast(null as datetime) as clock
from (select 1 as nothing) as nothing where false
