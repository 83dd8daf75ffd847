select md5(
        concat(
            coalesce('email=' || case when "EMAIL" like '%;%' then replace("EMAIL", ';', ';;') else "EMAIL" end || ';', ''),
            coalesce('first_name=' || case when "FIRST_NAME" like '%;%' then replace("FIRST_NAME", ';', ';;') else "FIRST_NAME" end || ';', '')
        )
    ) as told from given
