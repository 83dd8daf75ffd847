select case
        when ((substr(v, 1, 3)) is distinct from (substr(w, 1, 3))) then true
        else false
    end as told from given
