select case
        when ((coalesce(nullif(regexp_replace(v, '[^0-9]', ''), ''), v)) is distinct from (coalesce(nullif(regexp_replace(w, '[^0-9]', ''), ''), w))) then true
        else false
    end as told from given
