select case
        when ((decode((coalesce(case case
        when translate(btrim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') in ('true', 'yes', 'on', 't', 'y', '1') then true
        when translate(btrim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') in ('false', 'no', 'off', 'f', 'n', '0') then false
    end when true then 'true' when false then 'false' end, btrim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))))) || '.', (coalesce(case case
        when translate(btrim(w, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') in ('true', 'yes', 'on', 't', 'y', '1') then true
        when translate(btrim(w, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') in ('false', 'no', 'off', 'f', 'n', '0') then false
    end when true then 'true' when false then 'false' end, btrim(w, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))))) || '.', 0, 1) = 1)) then true
        else false
    end as told from given
