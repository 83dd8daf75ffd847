select to_hex(md5(
        concat(
            coalesce('email=' || case when `email` like '%;%' then replace(`email`, ';', ';;') else `email` end || ';', ''),
            coalesce('first_name=' || case when `first_name` like '%;%' then replace(`first_name`, ';', ';;') else `first_name` end || ';', '')
        )
    )) as told from given
