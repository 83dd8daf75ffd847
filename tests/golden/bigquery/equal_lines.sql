select case
        when ((replace(replace(v, chr(13) || chr(10), chr(10)), chr(13), chr(10))) is distinct from (replace(replace(w, chr(13) || chr(10), chr(10)), chr(13), chr(10)))) then true
        else false
    end as told from given
