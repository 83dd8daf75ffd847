select case
        when regexp_instr(v, '^[-+]?[0-9]{1,18}([.]0*)?$') > 0 then try_cast(ltrim(split_part(v, '.', 1), '+') as bigint)
    end as told from given
