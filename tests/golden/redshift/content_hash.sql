select md5(
        coalesce(md5('email=' || md5("email")), '')
        || coalesce(md5('first_name=' || md5("first_name")), '')
    ) as told from given
