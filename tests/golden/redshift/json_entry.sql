select case when rtrim(json_extract_path_text(v, 'plan', true), (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))) <> '' then json_extract_path_text(v, 'plan', true) end as told from given
