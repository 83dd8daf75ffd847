select case
        when (regexp_contains((case
        when regexp_contains(translate(v, ',$' || ' \t\n\v\f\r', ''), r'^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(v, ',$' || ' \t\n\v\f\r', ''), r'^[+]', ''), r'^(-?)[.]', r'\10.'), r'^(-?)0+([0-9])', r'\1\2'), r'([.][0-9]*[1-9])0+$', r'\1'), r'[.]0*$', ''), r'^-0$', r'0')
        else trim(v, ' \t\n\v\f\r')
    end), r'^-?[0-9]{1,18}([.][0-9]{1,18})?$')) and (regexp_contains((case
        when regexp_contains(translate(w, ',$' || ' \t\n\v\f\r', ''), r'^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(w, ',$' || ' \t\n\v\f\r', ''), r'^[+]', ''), r'^(-?)[.]', r'\10.'), r'^(-?)0+([0-9])', r'\1\2'), r'([.][0-9]*[1-9])0+$', r'\1'), r'[.]0*$', ''), r'^-0$', r'0')
        else trim(w, ' \t\n\v\f\r')
    end), r'^-?[0-9]{1,18}([.][0-9]{1,18})?$'))
            then abs(safe_cast(case
        when regexp_contains(translate(v, ',$' || ' \t\n\v\f\r', ''), r'^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(v, ',$' || ' \t\n\v\f\r', ''), r'^[+]', ''), r'^(-?)[.]', r'\10.'), r'^(-?)0+([0-9])', r'\1\2'), r'([.][0-9]*[1-9])0+$', r'\1'), r'[.]0*$', ''), r'^-0$', r'0')
        else trim(v, ' \t\n\v\f\r')
    end as bignumeric) - safe_cast(case
        when regexp_contains(translate(w, ',$' || ' \t\n\v\f\r', ''), r'^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(w, ',$' || ' \t\n\v\f\r', ''), r'^[+]', ''), r'^(-?)[.]', r'\10.'), r'^(-?)0+([0-9])', r'\1\2'), r'([.][0-9]*[1-9])0+$', r'\1'), r'[.]0*$', ''), r'^-0$', r'0')
        else trim(w, ' \t\n\v\f\r')
    end as bignumeric))
                > cast('0.5' as bignumeric)
        when ((case
        when regexp_contains(translate(v, ',$' || ' \t\n\v\f\r', ''), r'^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(v, ',$' || ' \t\n\v\f\r', ''), r'^[+]', ''), r'^(-?)[.]', r'\10.'), r'^(-?)0+([0-9])', r'\1\2'), r'([.][0-9]*[1-9])0+$', r'\1'), r'[.]0*$', ''), r'^-0$', r'0')
        else trim(v, ' \t\n\v\f\r')
    end) is distinct from (case
        when regexp_contains(translate(w, ',$' || ' \t\n\v\f\r', ''), r'^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') then regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(w, ',$' || ' \t\n\v\f\r', ''), r'^[+]', ''), r'^(-?)[.]', r'\10.'), r'^(-?)0+([0-9])', r'\1\2'), r'([.][0-9]*[1-9])0+$', r'\1'), r'[.]0*$', ''), r'^-0$', r'0')
        else trim(w, ' \t\n\v\f\r')
    end)) then true
        else false
    end as told from given
