{{ leadloop.staged_leads(leadloop.leadsquared()) }}
