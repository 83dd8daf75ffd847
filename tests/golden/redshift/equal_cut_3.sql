select case
        when ((decode((substring(v, 1, 3)) || '.', (substring(w, 1, 3)) || '.', 0, 1) = 1)) then true
        else false
    end as told from given
