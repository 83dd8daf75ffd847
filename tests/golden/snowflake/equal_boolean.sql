select case
        when ((coalesce(cast(case
        when translate(trim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') in ('true', 'yes', 'on', 't', 'y', '1') then true
        when translate(trim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') in ('false', 'no', 'off', 'f', 'n', '0') then false
    end as varchar), trim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))))) is distinct from (coalesce(cast(case
        when translate(trim(w, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') in ('true', 'yes', 'on', 't', 'y', '1') then true
        when translate(trim(w, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') in ('false', 'no', 'off', 'f', 'n', '0') then false
    end as varchar), trim(w, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))))) then true
        else false
    end as told from given
