select case when rtrim(json_value(safe.parse_json(v)['plan']), ' \t\n\v\f\r') <> '' then json_value(safe.parse_json(v)['plan']) end as told from given
