select case
        when ((decode((coalesce(nullif(regexp_replace(v, '[^0-9]', ''), ''), v)) || '.', (coalesce(nullif(regexp_replace(w, '[^0-9]', ''), ''), w)) || '.', 0, 1) = 1)) then true
        else false
    end as told from given
