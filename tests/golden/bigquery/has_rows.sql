select exists (select 1 from leads where crm = 'x') as told from given
