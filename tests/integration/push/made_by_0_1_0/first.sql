-- The tables as leadloop 0.1.0 first made them, and what a push left in them that was killed: c was not sent, of b no answer
-- was recorded, a was accepted and not seen since, and d, of an older push, is done.
create schema leadloop;
create table leadloop.push_runs (
    run_id text not null, push text, crm text, mode text, started_at timestamp with time zone, plan_fingerprint text,
    leads integer, fields integer, host text, pid integer, leadloop_version text, primary key (run_id)
);
create table leadloop.push_journal (
    run_id text, seq bigint, push text, crm text, lead_id text, field text, column_name text, state text, old_value text,
    value text, code text, reason text, recorded_at timestamp with time zone
);
create table leadloop.push_settled (run_id text, settled_at timestamp with time zone);
insert into leadloop.push_runs values
    ('20260801T090000-00000000', 'scores', 'convoso', 'update', '2026-08-01 09:00:00+00', 'f0', 1, 1, 'old', 41, '0.1.0'),
    ('20260801T100000-00000000', 'scores', 'convoso', 'update', '2026-08-01 10:00:00+00', 'f1', 3, 3, 'old', 42, '0.1.0');
insert into leadloop.push_journal values
    ('20260801T090000-00000000', 1, 'scores', 'convoso', 'd', 'lead_score', 'lead_score', 'planned', '0', '3', null, null, '2026-08-01 09:00:00+00'),
    ('20260801T090000-00000000', 2, 'scores', 'convoso', 'd', 'lead_score', 'lead_score', 'sent', '0', '3', null, null, '2026-08-01 09:00:01+00'),
    ('20260801T090000-00000000', 3, 'scores', 'convoso', 'd', 'lead_score', 'lead_score', 'applied', '0', '3', null, null, '2026-08-01 09:00:02+00'),
    ('20260801T090000-00000000', 4, 'scores', 'convoso', 'd', 'lead_score', 'lead_score', 'confirmed', '0', '3', null, null, '2026-08-01 09:30:00+00'),
    ('20260801T100000-00000000', 1, 'scores', 'convoso', 'a', 'lead_score', 'lead_score', 'planned', '3', '7', null, null, '2026-08-01 10:00:00+00'),
    ('20260801T100000-00000000', 2, 'scores', 'convoso', 'b', 'lead_score', 'lead_score', 'planned', '3', '7', null, null, '2026-08-01 10:00:00+00'),
    ('20260801T100000-00000000', 3, 'scores', 'convoso', 'c', 'lead_score', 'lead_score', 'planned', '3', '7', null, null, '2026-08-01 10:00:00+00'),
    ('20260801T100000-00000000', 4, 'scores', 'convoso', 'a', 'lead_score', 'lead_score', 'sent', '3', '7', null, null, '2026-08-01 10:00:01+00'),
    ('20260801T100000-00000000', 5, 'scores', 'convoso', 'b', 'lead_score', 'lead_score', 'sent', '3', '7', null, null, '2026-08-01 10:00:01+00'),
    ('20260801T100000-00000000', 6, 'scores', 'convoso', 'a', 'lead_score', 'lead_score', 'applied', '3', '7', null, null, '2026-08-01 10:00:02+00');
insert into leadloop.push_settled values ('20260801T090000-00000000', '2026-08-01 09:00:03+00')
