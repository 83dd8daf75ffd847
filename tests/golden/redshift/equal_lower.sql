select case
        when ((decode((translate(btrim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')) || '.', (translate(btrim(w, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')) || '.', 0, 1) = 1)) then true
        else false
    end as told from given
