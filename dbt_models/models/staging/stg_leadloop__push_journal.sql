{{ leadloop.journal_rows(source('leadloop', 'push_journal'), source('leadloop', 'push_runs')) }}
