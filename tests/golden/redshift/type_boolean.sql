select case
        when translate(v, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') in ('true', 'yes', 'on', 't', 'y', '1') then true
        when translate(v, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') in ('false', 'no', 'off', 'f', 'n', '0') then false
    end as told from given
