select case when rtrim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))) <> '' then v end as told from given
