select case when rtrim(as_varchar(try_parse_json(v)['plan']), (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))) <> '' then as_varchar(try_parse_json(v)['plan']) end as told from given
