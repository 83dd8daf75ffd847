select case
        when ((trim(v, ' \t\n\v\f\r')) is distinct from (trim(w, ' \t\n\v\f\r'))) then true
        else false
    end as told from given
