select case
        when ((case
        when regexp_instr((case
        when regexp_instr(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') > 0 then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[+]', ''), '^(-?)[.]', '\\10.'), '^(-?)0+([0-9])', '\\1\\2'), '([.][0-9]*[1-9])0+$', '\\1'), '[.]0*$', ''), '^-0$', '0')
        else trim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end), '^-?[0-9]{1,18}([.][0-9]{1,18})?$') > 0
            then case
        when regexp_instr(translate(cast(round(try_cast((case
        when regexp_instr(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') > 0 then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[+]', ''), '^(-?)[.]', '\\10.'), '^(-?)0+([0-9])', '\\1\\2'), '([.][0-9]*[1-9])0+$', '\\1'), '[.]0*$', ''), '^-0$', '0')
        else trim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end) as decimal(38, 18)), 2) as text), ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') > 0 then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(cast(round(try_cast((case
        when regexp_instr(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') > 0 then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[+]', ''), '^(-?)[.]', '\\10.'), '^(-?)0+([0-9])', '\\1\\2'), '([.][0-9]*[1-9])0+$', '\\1'), '[.]0*$', ''), '^-0$', '0')
        else trim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end) as decimal(38, 18)), 2) as text), ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[+]', ''), '^(-?)[.]', '\\10.'), '^(-?)0+([0-9])', '\\1\\2'), '([.][0-9]*[1-9])0+$', '\\1'), '[.]0*$', ''), '^-0$', '0')
        else trim(cast(round(try_cast((case
        when regexp_instr(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') > 0 then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[+]', ''), '^(-?)[.]', '\\10.'), '^(-?)0+([0-9])', '\\1\\2'), '([.][0-9]*[1-9])0+$', '\\1'), '[.]0*$', ''), '^-0$', '0')
        else trim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end) as decimal(38, 18)), 2) as text), (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end
        else (case
        when regexp_instr(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') > 0 then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(v, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[+]', ''), '^(-?)[.]', '\\10.'), '^(-?)0+([0-9])', '\\1\\2'), '([.][0-9]*[1-9])0+$', '\\1'), '[.]0*$', ''), '^-0$', '0')
        else trim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end)
    end) is distinct from (case
        when regexp_instr((case
        when regexp_instr(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') > 0 then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[+]', ''), '^(-?)[.]', '\\10.'), '^(-?)0+([0-9])', '\\1\\2'), '([.][0-9]*[1-9])0+$', '\\1'), '[.]0*$', ''), '^-0$', '0')
        else trim(w, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end), '^-?[0-9]{1,18}([.][0-9]{1,18})?$') > 0
            then case
        when regexp_instr(translate(cast(round(try_cast((case
        when regexp_instr(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') > 0 then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[+]', ''), '^(-?)[.]', '\\10.'), '^(-?)0+([0-9])', '\\1\\2'), '([.][0-9]*[1-9])0+$', '\\1'), '[.]0*$', ''), '^-0$', '0')
        else trim(w, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end) as decimal(38, 18)), 2) as text), ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') > 0 then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(cast(round(try_cast((case
        when regexp_instr(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') > 0 then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[+]', ''), '^(-?)[.]', '\\10.'), '^(-?)0+([0-9])', '\\1\\2'), '([.][0-9]*[1-9])0+$', '\\1'), '[.]0*$', ''), '^-0$', '0')
        else trim(w, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end) as decimal(38, 18)), 2) as text), ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[+]', ''), '^(-?)[.]', '\\10.'), '^(-?)0+([0-9])', '\\1\\2'), '([.][0-9]*[1-9])0+$', '\\1'), '[.]0*$', ''), '^-0$', '0')
        else trim(cast(round(try_cast((case
        when regexp_instr(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') > 0 then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[+]', ''), '^(-?)[.]', '\\10.'), '^(-?)0+([0-9])', '\\1\\2'), '([.][0-9]*[1-9])0+$', '\\1'), '[.]0*$', ''), '^-0$', '0')
        else trim(w, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end) as decimal(38, 18)), 2) as text), (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end
        else (case
        when regexp_instr(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') > 0 then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(w, ',$' || (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), ''), '^[+]', ''), '^(-?)[.]', '\\10.'), '^(-?)0+([0-9])', '\\1\\2'), '([.][0-9]*[1-9])0+$', '\\1'), '[.]0*$', ''), '^-0$', '0')
        else trim(w, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))
    end)
    end)) then true
        else false
    end as told from given
