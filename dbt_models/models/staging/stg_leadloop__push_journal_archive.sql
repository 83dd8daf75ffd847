{{ leadloop.journal_rows(source('leadloop', 'push_journal_archive'), source('leadloop', 'push_runs')) }}
