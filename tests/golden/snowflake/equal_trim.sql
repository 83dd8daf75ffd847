select case
        when ((trim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)))) is distinct from (trim(w, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))))) then true
        else false
    end as told from given
