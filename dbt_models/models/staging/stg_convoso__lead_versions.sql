{{ leadloop.staged_leads(leadloop.convoso()) }}
