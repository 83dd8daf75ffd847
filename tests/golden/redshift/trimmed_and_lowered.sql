select translate(btrim(v, (' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') as told from given
