select case
        when ((decode((btrim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))) || '.', (btrim(w, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))) || '.', 0, 1) = 1)) then true
        else false
    end as told from given
