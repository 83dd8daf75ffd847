-- What the last 0.1.0 had besides, before there was a version: to be run after first.sql.
create sequence leadloop.sequence_number;
create table leadloop.warehouse (id text, made_at timestamp with time zone);
create table leadloop.accounts (
    crm text, vendor text, host text, mark text, organisation text, known_leads text, sequence_number bigint,
    noted_at timestamp with time zone
);
create table leadloop.leases (
    name text, token text, host text, host_id text, pid bigint, process_started text, acquired_at timestamp with time zone,
    renewed_at timestamp with time zone
);
create table leadloop.runs (
    run_id text not null, part_of text, command text, crm text, push text, arguments text,
    started_at timestamp with time zone, ended_at timestamp with time zone, exit_code integer, why text, who text, host text,
    host_id text, pid bigint, process_started text, windows text, rows bigint, calls bigint, push_run_id text,
    leadloop_version text, sequence_number bigint, primary key (run_id)
);
create table leadloop.dbt_results (
    invocation_id text, unique_id text, name text, kind text, status text, sequence_number bigint,
    recorded_at timestamp with time zone
);
create table leadloop.push_approvals (
    kind text, who text, approved_at timestamp with time zone, crm text, push text, field text, leads bigint,
    sequence_number bigint, run_id text
);
alter table leadloop.push_runs add column options text;
alter table leadloop.push_runs add column equal text;
alter table leadloop.push_journal add column crm_lead_id text;
alter table leadloop.push_journal add column sequence_number bigint;
insert into leadloop.warehouse values ('a5b0c1d2e3f4', '2026-08-01 08:00:00+00');
insert into leadloop.runs (run_id, command, push, started_at, ended_at, exit_code, sequence_number)
values ('20260801T090000-11111111', 'push', 'scores', '2026-08-01 09:00:00+00', '2026-08-01 09:00:04+00', 0, nextval('leadloop.sequence_number'));
update leadloop.push_journal set crm_lead_id = lead_id, sequence_number = nextval('leadloop.sequence_number')
