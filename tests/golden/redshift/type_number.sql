select case
        when length(v) <= 200 and v ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{1,2})?$'
            then try_cast(nullif(ltrim(v, '+'), '') as double precision)
    end as told from given
