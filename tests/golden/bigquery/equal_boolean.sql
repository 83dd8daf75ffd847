select case
        when ((coalesce(cast(case
        when translate(trim(v, ' \t\n\v\f\r'), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') in ('true', 'yes', 'on', 't', 'y', '1') then true
        when translate(trim(v, ' \t\n\v\f\r'), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') in ('false', 'no', 'off', 'f', 'n', '0') then false
    end as string), trim(v, ' \t\n\v\f\r'))) is distinct from (coalesce(cast(case
        when translate(trim(w, ' \t\n\v\f\r'), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') in ('true', 'yes', 'on', 't', 'y', '1') then true
        when translate(trim(w, ' \t\n\v\f\r'), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') in ('false', 'no', 'off', 'f', 'n', '0') then false
    end as string), trim(w, ' \t\n\v\f\r')))) then true
        else false
    end as told from given
