select case
        when length(v) <= 200 and regexp_contains(v, r'^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{1,2})?$')
            then safe_cast(ltrim(v, '+') as float64)
    end as told from given
