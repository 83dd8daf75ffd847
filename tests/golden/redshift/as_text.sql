select cast(given.v as varchar(65535)) as told from given
