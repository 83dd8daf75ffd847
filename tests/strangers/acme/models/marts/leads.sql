-- A model of their own that is called like one of leadloop's.
select 1 as not_a_lead
