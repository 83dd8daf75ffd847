select case
        when given.v is null then null
        when system$typeof(given.v) like 'FLOAT%'
            then case when cast(given.v as varchar) in ('NaN', 'inf', '-inf') then 'FLOAT ' || cast(given.v as varchar) end
        when system$typeof(given.v) like 'ARRAY%' then 'ARRAY[]'
        when
            system$typeof(given.v) like 'OBJECT%'
            or system$typeof(given.v) like 'MAP%'
            or system$typeof(given.v) like 'VARIANT%'
            or system$typeof(given.v) like 'VECTOR%'
            or system$typeof(given.v) like 'BINARY%'
            or system$typeof(given.v) like 'GEO%'
            then split_part(split_part(system$typeof(given.v), '[', 1), '(', 1)
    end as told from given
