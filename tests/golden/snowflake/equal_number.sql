select case
        when ((case
        when regexp_instr(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') > 0 then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[+]', ''), '^(-?)[.]', '\\10.'), '^(-?)0+([0-9])', '\\1\\2'), '([.][0-9]*[1-9])0+$', '\\1'), '[.]0*$', ''), '^-0$', '0')
        else trim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end) is distinct from (case
        when regexp_instr(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') > 0 then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[+]', ''), '^(-?)[.]', '\\10.'), '^(-?)0+([0-9])', '\\1\\2'), '([.][0-9]*[1-9])0+$', '\\1'), '[.]0*$', ''), '^-0$', '0')
        else trim(w, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end)) then true
        else false
    end as told from given
