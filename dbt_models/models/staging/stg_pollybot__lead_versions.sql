{{ leadloop.staged_leads(leadloop.pollybot()) }}
