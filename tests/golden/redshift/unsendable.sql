select cast(null as varchar(65535)) as told from given
