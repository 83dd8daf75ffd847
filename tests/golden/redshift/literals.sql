select ('it''s', 'a\\b', '''\\''') as told from given
