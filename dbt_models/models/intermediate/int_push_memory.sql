{{ config(materialized='view') }}
{%- set one_call = 'partition by crm, push, lead_id, run_id' %}
{%- set by_field = leadloop.newest_first('crm, crm_lead_id, field') %}

-- What was sent belongs to CRM, lead and field, whichever push sent it: a push that gets another name, or another push
-- on the same field, compares with the same values. A push's own are the rows it added, known by ids of its own; what
-- the CRM refused, which is held back together with the rest of its call; and what a person decided about that push's
-- value (skipped, resolved). A new name forgets those: a refused value is tried once more, and an edit is a conflict
-- again, since what was accepted is still known.
--
-- A view, so that a push sees at once what the last one has sent. Each memory reads the journal by itself, and every
-- window goes by crm (and push) first: whoever asks for one memory of one CRM has the engine work out nothing else.
with accepted as (
    select
        *,
        row_number() over ({{ by_field }}) as place
    from {{ ref('leadloop', 'stg_leadloop__push_journal') }}
    where
        state in ('applied', 'confirmed')
        -- The CRM had the lead before: which one it is, is known, and nothing was sent to it.
        and coalesce(code, '') <> 'found'
        and crm_lead_id is not null
),

-- Where a write without an answer turned out to have arrived, something newer was accepted. A lead that was to be added
-- has no id yet: it had nothing to replace.
unanswered as (
    select
        *,
        row_number() over ({{ by_field }}) as place
    from {{ ref('leadloop', 'stg_leadloop__push_journal') }}
    where
        state = 'unknown'
        and crm_lead_id is not null
),

-- Few fields were ever taken back, kept otherwise or refused: only of those is the rest put in order.
undone as (
    select distinct
        crm,
        crm_lead_id,
        field
    from {{ ref('leadloop', 'stg_leadloop__push_journal') }}
    where
        is_undo
        and state in ('applied', 'confirmed')
        and crm_lead_id is not null
),

of_undone as (
    select journal.*
    from {{ ref('leadloop', 'stg_leadloop__push_journal') }} as journal
    inner join undone
        on
            journal.crm = undone.crm
            and journal.crm_lead_id = undone.crm_lead_id
            and journal.field = undone.field
    where
        journal.state in ('applied', 'confirmed')
        and coalesce(journal.code, '') <> 'found'
),

last_words as (
    select
        *,
        row_number() over ({{ by_field }}) as place
    from of_undone
),

sent_and_undone as (
    select
        *,
        row_number() over ({{ by_field }}) as place
    from of_undone
    where
        not is_undo
        and coalesce(code, '') not in ('resolved', 'restored', 'released')
),

reverted as (
    select distinct
        crm,
        crm_lead_id,
        field
    from {{ ref('leadloop', 'stg_leadloop__push_journal') }}
    where
        state = 'reverted'
        and crm_lead_id is not null
),

of_reverted as (
    select journal.*
    from {{ ref('leadloop', 'stg_leadloop__push_journal') }} as journal
    inner join reverted
        on
            journal.crm = reverted.crm
            and journal.crm_lead_id = reverted.crm_lead_id
            and journal.field = reverted.field
),

rejected as (
    select distinct
        crm,
        push,
        lead_id,
        field
    from {{ ref('leadloop', 'stg_leadloop__push_journal') }}
    where state = 'rejected'
),

of_rejected as (
    select journal.*
    from {{ ref('leadloop', 'stg_leadloop__push_journal') }} as journal
    inner join rejected
        on
            journal.crm = rejected.crm
            and journal.push = rejected.push
            and journal.lead_id = rejected.lead_id
            and journal.field = rejected.field
),

-- What the CRM made of the values it accepted, as reading the leads showed.
readings as (
    select
        *,
        row_number() over ({{ by_field }}) as place,
        lead(state, 1) over ({{ by_field }}) as state_before,
        lead(state, 2) over ({{ by_field }}) as state_before_that,
        lead(value, 1) over ({{ by_field }}) as value_before,
        lead(value, 2) over ({{ by_field }}) as value_before_that
    from of_reverted
    where state in ('confirmed', 'reverted')
),

answers as (
    select
        *,
        row_number() over ({{ leadloop.newest_first('crm, push, lead_id, field') }}) as place,
        count(case when state = 'rejected' then 1 end) over ({{ one_call }}) as refused_together
    from of_rejected
    where state in ('applied', 'confirmed', 'rejected')
),

own_accepted as (
    select
        *,
        row_number() over ({{ leadloop.newest_first('crm, push, lead_id, field') }}) as place
    from {{ ref('leadloop', 'stg_leadloop__push_journal') }}
    where state in ('applied', 'confirmed')
)

select
    'accepted' as memory,
    push,
    crm,
    crm_lead_id as lead_id,
    field,
    value,
    old_value,
    code,
    crm_lead_id,
    run_id,
    cast(null as bigint) as refused_together,
    recorded_at,
    sequence_number
from accepted
where place = 1
union all
select
    'unanswered' as memory,
    push,
    crm,
    crm_lead_id as lead_id,
    field,
    value,
    old_value,
    code,
    crm_lead_id,
    run_id,
    cast(null as bigint) as refused_together,
    recorded_at,
    sequence_number
from unanswered
where place = 1
union all
-- The same value accepted three times in a row, and each time the CRM showed another one afterwards; or once, if that
-- was the same in another form, which is in old_value.
select
    'flapping' as memory,
    push,
    crm,
    crm_lead_id as lead_id,
    field,
    value,
    old_value,
    code,
    crm_lead_id,
    run_id,
    cast(null as bigint) as refused_together,
    recorded_at,
    sequence_number
from readings
where
    place = 1
    and state = 'reverted'
    and (
        code = 'other_form'
        or (
            state_before = 'reverted'
            and state_before_that = 'reverted'
            and {{ leadloop.texts_alike('value', 'value_before') }}
            and {{ leadloop.texts_alike('value', 'value_before_that') }}
        )
    )
union all
-- What a push sent last, where it was taken back, nobody released it, and the CRM was left with another value.
select
    'reverted' as memory,
    sent.push,
    sent.crm,
    sent.crm_lead_id as lead_id,
    sent.field,
    sent.value,
    last_word.value as old_value,
    sent.code,
    sent.crm_lead_id,
    last_word.run_id,
    cast(null as bigint) as refused_together,
    last_word.recorded_at,
    last_word.sequence_number
from sent_and_undone as sent
inner join last_words as last_word
    on
        sent.crm = last_word.crm
        and sent.crm_lead_id = last_word.crm_lead_id
        and sent.field = last_word.field
where
    sent.place = 1
    and last_word.place = 1
    and last_word.is_undo
    and {{ leadloop.texts_differ('sent.value', 'last_word.value') }}
union all
select
    'refused' as memory,
    push,
    crm,
    lead_id,
    field,
    value,
    old_value,
    code,
    crm_lead_id,
    run_id,
    refused_together,
    recorded_at,
    sequence_number
from answers
where place = 1 and state = 'rejected'
union all
-- The rows whose lead the CRM has accepted, or had before, with the id it gave.
select
    'added' as memory,
    push,
    crm,
    lead_id,
    '*' as field,
    cast(null as {{ leadloop.sql_type('text') }}) as value,
    cast(null as {{ leadloop.sql_type('text') }}) as old_value,
    cast(null as {{ leadloop.sql_type('text') }}) as code,
    max(crm_lead_id) as crm_lead_id,
    max(run_id) as run_id,
    cast(null as bigint) as refused_together,
    max(recorded_at) as recorded_at,
    max(sequence_number) as sequence_number
from own_accepted
where place = 1
group by push, crm, lead_id
