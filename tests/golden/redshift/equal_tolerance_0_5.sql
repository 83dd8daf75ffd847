select case
        when ((case
        when translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '') ~ '^[-+]?(0+[.]?0*|[.]0+)$' then '0'
        when translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '') ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$'
            then case when translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '') like '-%' then '-' else '' end
                || case when ltrim(split_part(ltrim(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '-+'), '.', 1), '0') = '' then '0' else ltrim(split_part(ltrim(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '-+'), '.', 1), '0') end
                || case when rtrim(split_part(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '.', 2), '0') = '' then '' else '.' || rtrim(split_part(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '.', 2), '0') end
        else btrim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end) ~ '^-?[0-9]{1,18}([.][0-9]{1,18})?$') and ((case
        when translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '') ~ '^[-+]?(0+[.]?0*|[.]0+)$' then '0'
        when translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '') ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$'
            then case when translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '') like '-%' then '-' else '' end
                || case when ltrim(split_part(ltrim(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '-+'), '.', 1), '0') = '' then '0' else ltrim(split_part(ltrim(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '-+'), '.', 1), '0') end
                || case when rtrim(split_part(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '.', 2), '0') = '' then '' else '.' || rtrim(split_part(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '.', 2), '0') end
        else btrim(w, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end) ~ '^-?[0-9]{1,18}([.][0-9]{1,18})?$')
            then abs(try_cast(nullif(case
        when translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '') ~ '^[-+]?(0+[.]?0*|[.]0+)$' then '0'
        when translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '') ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$'
            then case when translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '') like '-%' then '-' else '' end
                || case when ltrim(split_part(ltrim(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '-+'), '.', 1), '0') = '' then '0' else ltrim(split_part(ltrim(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '-+'), '.', 1), '0') end
                || case when rtrim(split_part(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '.', 2), '0') = '' then '' else '.' || rtrim(split_part(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '.', 2), '0') end
        else btrim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end, '') as decimal(36, 18)) - try_cast(nullif(case
        when translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '') ~ '^[-+]?(0+[.]?0*|[.]0+)$' then '0'
        when translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '') ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$'
            then case when translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '') like '-%' then '-' else '' end
                || case when ltrim(split_part(ltrim(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '-+'), '.', 1), '0') = '' then '0' else ltrim(split_part(ltrim(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '-+'), '.', 1), '0') end
                || case when rtrim(split_part(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '.', 2), '0') = '' then '' else '.' || rtrim(split_part(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '.', 2), '0') end
        else btrim(w, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end, '') as decimal(36, 18)))
                > cast('0.5' as decimal(36, 18))
        when ((decode((case
        when translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '') ~ '^[-+]?(0+[.]?0*|[.]0+)$' then '0'
        when translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '') ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$'
            then case when translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '') like '-%' then '-' else '' end
                || case when ltrim(split_part(ltrim(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '-+'), '.', 1), '0') = '' then '0' else ltrim(split_part(ltrim(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '-+'), '.', 1), '0') end
                || case when rtrim(split_part(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '.', 2), '0') = '' then '' else '.' || rtrim(split_part(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '.', 2), '0') end
        else btrim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end) || '.', (case
        when translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '') ~ '^[-+]?(0+[.]?0*|[.]0+)$' then '0'
        when translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '') ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$'
            then case when translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '') like '-%' then '-' else '' end
                || case when ltrim(split_part(ltrim(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '-+'), '.', 1), '0') = '' then '0' else ltrim(split_part(ltrim(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '-+'), '.', 1), '0') end
                || case when rtrim(split_part(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '.', 2), '0') = '' then '' else '.' || rtrim(split_part(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '.', 2), '0') end
        else btrim(w, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end) || '.', 0, 1) = 1)) then true
        else false
    end as told from given
