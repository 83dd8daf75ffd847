select case
        when ((decode((replace(replace(v, chr(13) || chr(10), chr(10)), chr(13), chr(10))) || '.', (replace(replace(w, chr(13) || chr(10), chr(10)), chr(13), chr(10))) || '.', 0, 1) = 1)) then true
        else false
    end as told from given
