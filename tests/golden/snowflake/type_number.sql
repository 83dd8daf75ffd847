select case
        when length(v) <= 200 and regexp_instr(v, '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{1,2})?$') > 0
            then try_cast(ltrim(v, '+') as double)
    end as told from given
