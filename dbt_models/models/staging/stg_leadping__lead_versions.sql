{{ leadloop.staged_leads(leadloop.leadping()) }}
