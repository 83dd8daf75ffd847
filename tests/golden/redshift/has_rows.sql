select (select count(*) > 0 from (select 1 from leads where crm = 'x' limit 1) as found) as told from given
