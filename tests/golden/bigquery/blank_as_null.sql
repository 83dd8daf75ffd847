select case when rtrim(v, ' \t\n\v\f\r') <> '' then v end as told from given
