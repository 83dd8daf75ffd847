{# A push: what should differ in the CRM, one row per lead and field.

   desired: the relation with one row per lead; crm; key: its column with the lead's id, or for the modes that add leads
   with an id of its own for each row; fields: field of the CRM -> column of desired. The other options are in push_options.sql, and docs beside the model say what they do. They are
   recorded in the model's meta, where leadloop finds them. #}
{% macro push(desired=none) -%}
    {%- if varargs -%}
        {%- do leadloop.refuse_push("every option needs its name, as in crm = '" ~ leadloop.crm_names() | first ~ "'") -%}
    {%- endif -%}
    {%- set options = leadloop.push_options(kwargs) -%}
    {%- if desired is none or desired is string -%}
        {%- do leadloop.refuse_push("desired is missing; name the model to send as in desired = ref('lead_scores')") -%}
    {%- endif -%}
    {%- do config(meta={'leadloop_push': options}) -%}
    {%- set leads = ref('leadloop', 'leads') -%}
    {%- set journal = ref('leadloop', 'stg_leadloop__push_journal') -%}
    {%- if options['mode'] == 'delete' -%}
        {{ leadloop.push_deletions(desired, options, leads, journal) }}
    {%- else -%}
        {{ leadloop.push_diff(desired, options, leads, journal) }}
    {%- endif -%}
{%- endmacro %}

{# The three-way comparison: what we sent last (base), what the CRM shows (theirs), what it should show (ours).

   Rows that would be in sync are kept where desired has a lead twice: which of the two is meant nobody knows, and
   a plan that sees both can say so.

   A row whose lead the CRM doesn't have yet (insert, upsert) is added with all of its fields, and is in sync for good as
   soon as the CRM has accepted it. #}
{% macro push_diff(desired, options, leads, journal) -%}
    {%- set columns = leadloop.columns_of(leads) -%}
    {%- set has_more = leadloop.more_fields() in columns -%}
    {%- set fields = [] -%}
    {%- for field in options['fields'] -%}
        {%- set column = leadloop.column_in(columns, options['crm'], field) -%}
        {%- do fields.append({
            'field': leadloop.literal(field),
            'column_name': leadloop.literal(column),
            'old_value': 'shown_' ~ loop.index,
            'new_value': 'desired_' ~ loop.index,
            'is_there': column in columns or has_more,
            'is_shown': 'is_shown_' ~ loop.index if column in columns or has_more else 'false',
            'text': 'cast(' ~ adapter.quote(column) ~ ' as text)' if column in columns
                else '(cast(' ~ leadloop.more_fields() ~ ' as json) ->> ' ~ leadloop.literal(column) ~ ')'
        }) -%}
    {%- endfor -%}
    {%- set adds = options['mode'] in ['insert', 'upsert'] -%}
    {%- set no_lead = leadloop.no_lead_codes(options['crm']) -%}
    {%- set counted = 'last_sequence_number' in columns -%}
with {{ leadloop.push_answers(journal, options) }},

{{ leadloop.push_pairs(desired, options, leads, fields, counted) }},

wanted as (
    {{ leadloop.field_changes(
        pairs='pairs',
        columns=['lead_id', 'crm_lead_id', 'copies', 'is_read', 'is_known', 'is_removed', 'last_seen_at']
            + (['last_sequence_number'] if counted else []) + (['is_added'] if adds else []),
        fields=fields, extra=['column_name', 'is_shown'], every=true
    ) }}
),

-- What the CRM shows: what it showed when the lead was last read, unless it accepted a value of ours after that. Where
-- the CRM isn't read, or has never shown the field, what we sent last is all there is to go by.
compared as (
    select
        wanted.*,
        -- Where the only answer was lost, what that write was to replace: whatever else is there now, a person typed.
        case when accepted.crm_lead_id is null then unanswered.old_value else accepted.value end as base_value,
        accepted.crm_lead_id is not null or unanswered.crm_lead_id is not null as has_base,
        unanswered.crm_lead_id is not null as is_unanswered,
        unanswered.value as unanswered_value,
        case
            when not wanted.is_known or not wanted.is_shown or {{ leadloop.unseen('accepted', 'wanted', counted) }}
                then accepted.value
            else wanted.old_value
        end as current_value
    from wanted
    left join accepted on wanted.crm_lead_id = accepted.crm_lead_id and wanted.field = accepted.field
    left join unanswered
        on
            wanted.crm_lead_id = unanswered.crm_lead_id
            and wanted.field = unanswered.field
            and (
                accepted.crm_lead_id is null
                or coalesce(unanswered.sequence_number, 0) > coalesce(accepted.sequence_number, 0)
                or (
                    coalesce(unanswered.sequence_number, 0) = coalesce(accepted.sequence_number, 0)
                    and unanswered.recorded_at > accepted.recorded_at
                )
            )
),

differing as (
    select
        compared.*,
        refused.lead_id is not null and refused.code = 'skipped' as is_skipped,
        refused.lead_id is not null and refused.value is not distinct from compared.new_value as is_refused,
        -- What was refused together is held back together: if one of those fields now has another value, or is in sync,
        -- the others get a new chance, since it may have been that one the CRM did not like.
        refused.refused_together is not distinct from count(
            case when refused.value is not distinct from compared.new_value then refused.lead_id end
        ) over (partition by compared.lead_id, refused.run_id) as all_refused,
        flaps.crm_lead_id is not null and flaps.value is not distinct from compared.new_value as is_flapping
        {%- if adds %},
        -- A lead that is to be added is held back as a whole or not at all.
        count(*) over (partition by compared.lead_id) = count(
            case when refused.value is not distinct from compared.new_value then refused.lead_id end
        ) over (partition by compared.lead_id) as whole_refused
        {%- endif %}
    from compared
    left join refused
        on
            compared.lead_id = refused.lead_id
            and compared.field = refused.field
            {%- if no_lead %}
            -- Refused because there was no such lead, and there is one now.
            and (
                refused.code not in ('{{ no_lead | join("', '") }}')
                or compared.last_seen_at is null
                or {{ leadloop.unseen('refused', 'compared', counted) }}
            )
            {%- endif %}
    left join flaps on compared.crm_lead_id = flaps.crm_lead_id and compared.field = flaps.field
    where
        (
            {%- if adds %}
            case when compared.crm_lead_id is null then compared.new_value is not null and not compared.is_added else
            {%- endif %}
            {{ leadloop.comparable('compared.new_value', options, 'compared.field') }}
                is distinct from {{ leadloop.comparable('compared.current_value', options, 'compared.field') }}
            {%- if options['nulls'] == 'keep' %}
            and compared.new_value is not null
            {%- endif %}
            {%- if options['first_push'] == 'baseline' %}
            and compared.has_base
            {%- endif %}
            {%- if adds %}
            end
            {%- endif %}
        )
        or compared.copies > 1
)

select
    {{ leadloop.literal(options['crm']) }} as crm,
    lead_id,
    field,
    column_name,
    current_value,
    new_value as desired_value,
    base_value,
    {%- if adds %}
    crm_lead_id,
    {%- endif %}
    case
        {%- if adds %}
        when crm_lead_id is null and is_refused and all_refused and whole_refused then 'rejected'
        when crm_lead_id is null and lead_id is not null then 'insert'
        {%- endif %}
        when lead_id is null or (is_read and not is_known{{ ' and not is_added' if adds }}) then 'unknown_lead'
        when is_removed then 'removed'
        when is_skipped then 'rejected'
        when is_refused and all_refused then 'rejected'
        when is_flapping then 'flapping'
        when
            has_base
            and {{ leadloop.comparable('current_value', options) }}
                is distinct from {{ leadloop.comparable('base_value', options) }}
            -- It arrived after all, later than anybody looked for it.
            and (
                not is_unanswered
                or {{ leadloop.comparable('current_value', options) }}
                    is distinct from {{ leadloop.comparable('unanswered_value', options) }}
            )
            then 'conflict'
        {%- if options['first_push'] == 'fill_empty' %}
        when not has_base and current_value is not null then 'conflict'
        {%- endif %}
        when new_value is null then 'clear'
        else 'change'
    end as verdict
from differing
{%- endmacro %}

{# A deletion: one row for each lead of desired that the CRM still has. *: it is about no single field.

   A lead that we deleted and that was seen again since is somebody's doing: a conflict. A deletion that was refused is
   held back until the lead is read again. #}
{% macro push_deletions(desired, options, leads, journal) -%}
    {%- set counted = 'last_sequence_number' in leadloop.columns_of(leads) -%}
with {{ leadloop.push_answers(journal, options) }},

{{ leadloop.push_pairs(desired, options, leads, [], counted) }}

select
    {{ leadloop.literal(options['crm']) }} as crm,
    pairs.lead_id,
    '*' as field,
    '*' as column_name,
    cast(null as text) as current_value,
    cast(null as text) as desired_value,
    cast(null as text) as base_value,
    case
        when pairs.lead_id is null or (pairs.is_read and not pairs.is_known) then 'unknown_lead'
        when refused.code in ('resolved', 'skipped') or {{ leadloop.unseen('refused', 'pairs', counted) }} then 'rejected'
        when refused.lead_id is not null and pairs.last_seen_at is null then 'rejected'
        when accepted.code <> 'resolved' then 'conflict'
        else 'delete'
    end as verdict
from pairs
left join accepted on pairs.lead_id = accepted.crm_lead_id and accepted.field = '*'
left join refused on pairs.lead_id = refused.lead_id
where
    pairs.copies > 1
    or pairs.lead_id is null
    or not (
        pairs.is_removed
        or (
            accepted.crm_lead_id is not null
            and accepted.code <> 'resolved'
            and (pairs.last_seen_at is null or {{ leadloop.unseen('accepted', 'pairs', counted) }})
        )
    )
{%- endmacro %}

{# CTE "pairs": one row per row of desired, beside the lead as the CRM showed it. #}
{% macro push_pairs(desired, options, leads, fields, counted) -%}
{%- set adds = options['mode'] in ['insert', 'upsert'] -%}
given_rows as (
    select
        {{ leadloop.blank_as_null('(' ~ leadloop.as_text('given.' ~ options['key']) ~ ')') }} as lead_id,
        count(*) over (partition by {{ leadloop.as_text('given.' ~ options['key']) }}) as copies
        {%- if options['lead_id'] %},
        {{ leadloop.blank_as_null('(' ~ leadloop.as_text('given.' ~ options['lead_id']) ~ ')') }} as given_lead_id
        {%- endif %}
        {%- for column in options['fields'].values() %},
        {{ leadloop.blank_as_null('(' ~ leadloop.as_text('given.' ~ column) ~ ')') }} as desired_{{ loop.index }}
        {%- endfor %}
    from {{ desired }} as given
),

{% if adds -%}
-- The rows whose lead the CRM has accepted, with the id it gave.
added as (
    select
        lead_id,
        max(crm_lead_id) as crm_lead_id
    from own_answers
    where not is_refusal and place_of_its_kind = 1
    group by lead_id
),

{% endif -%}
desired as (
    select
        given_rows.*,
        {%- if not adds %}
        given_rows.lead_id as crm_lead_id
        {%- elif options['mode'] == 'insert' %}
        added.lead_id is not null as is_added,
        cast(null as text) as crm_lead_id
        {%- else %}
        added.lead_id is not null as is_added,
        {{ 'coalesce(given_rows.given_lead_id, added.crm_lead_id)' if options['lead_id'] else 'added.crm_lead_id' }} as crm_lead_id
        {%- endif %}
    from given_rows
    {%- if adds %}
    left join added on given_rows.lead_id = added.lead_id
    {%- endif %}
),

shown as (
    select
        lead_id,
        removed_at,
        {{ 'last_sequence_number,' if counted }}
        last_seen_at
        {%- for field in fields %},
        {% if field['is_there'] -%}
        {{ leadloop.blank_as_null(field['text']) }}
        {%- else -%}
        cast(null as text)
        {%- endif %} as shown_{{ loop.index }}
        {%- endfor %}
    from {{ leads }}
    where crm = {{ leadloop.literal(options['crm']) }}
),

reading as (
    select
        count(*) > 0 as is_read
        {%- for field in fields if field['is_there'] %},
        -- Another CRM may have a column of this name: what is shown is a matter of this CRM's own leads.
        count({{ field['old_value'] }}) > 0 as {{ field['is_shown'] }}
        {%- endfor %}
    from shown
),

pairs as (
    select
        desired.*,
        reading.is_read,
        {%- for field in fields if field['is_there'] %}
        reading.{{ field['is_shown'] }},
        {%- endfor %}
        shown.lead_id is not null as is_known,
        shown.removed_at is not null as is_removed,
        {{ 'shown.last_sequence_number,' if counted }}
        shown.last_seen_at
        {%- for field in fields %},
        shown.shown_{{ loop.index }}
        {%- endfor %}
    from desired
    cross join reading
    left join shown on desired.crm_lead_id = shown.lead_id
)
{%- endmacro %}

{# CTEs "accepted": what the CRM accepted last, by lead of the CRM and field; "unanswered", what it said nothing to; "flaps",
   which it won't keep; and "refused", what it refused last.

   What was sent belongs to CRM, lead and field, whichever push sent it: a push that gets another name, or another push on
   the same field, compares with the same base. A push's own are the rows it added, known by ids of its own; what the CRM
   refused, which is held back together with the rest of its call; and what a person decided about that push's value
   (skipped, resolved). A new name forgets those: a refused value is tried once more, and an edit is a conflict again, since its
   base is still known. #}
{% macro push_answers(journal, options) -%}
answers as (
    select
        run_id,
        push,
        lead_id,
        crm_lead_id,
        field,
        value,
        coalesce(code, '') as code,
        recorded_at,
        sequence_number,
        state = 'rejected' as is_refusal,
        -- The CRM had the lead before: which one it is, is known, and nothing was sent to it.
        coalesce(code, '') = 'found' as is_found,
        {{ leadloop.newest_first(lead='push, lead_id') }} as place,
        {{ leadloop.newest_first("state = 'rejected'", lead='push, lead_id') }} as place_of_its_kind,
        {{ leadloop.newest_first("state = 'rejected', coalesce(code, '') = 'found'") }} as place_of_all_pushes,
        count(case when state = 'rejected' then 1 end) over (partition by push, run_id, lead_id) as refused_together
    from {{ journal }}
    where
        {{ leadloop.said_to_crm(options, ['applied', 'confirmed', 'rejected']) }}
),

accepted as (
    select *
    from answers
    where not is_refusal and not is_found and place_of_all_pushes = 1 and crm_lead_id is not null
),

own_answers as (
    select *
    from answers
    where push = {{ leadloop.literal(leadloop.push_name()) }}
),

refused as (
    select *
    from own_answers
    where is_refusal and place = 1
),

-- The last write of each field whose answer was lost. Where it turned out to have arrived, something newer was accepted.
-- A lead that was to be added has no id yet: it had nothing to replace.
lost_answers as (
    select
        crm_lead_id,
        field,
        old_value,
        value,
        recorded_at,
        sequence_number,
        {{ leadloop.newest_first() }} as place
    from {{ journal }}
    where
        {{ leadloop.said_to_crm(options, ['unknown']) }}
        and crm_lead_id is not null
),

unanswered as (
    select *
    from lost_answers
    where place = 1
),

-- What the CRM made of the values it accepted, as reading the leads showed.
readings as (
    select
        crm_lead_id,
        field,
        value,
        state,
        {{ leadloop.newest_first() }} as place
    from {{ journal }}
    where
        {{ leadloop.said_to_crm(options, ['confirmed', 'reverted']) }}
        and crm_lead_id is not null
),

-- The same value accepted three times in a row, and each time the CRM showed another one afterwards.
flaps as (
    select
        crm_lead_id,
        field,
        max(value) as value
    from readings
    where place <= 3
    group by crm_lead_id, field
    having
        count(case when state = 'reverted' then 1 end) = 3
        and max(value) is not distinct from min(value)
        and count(value) in (0, 3)
)
{%- endmacro %}

{# The condition for the journal's rows of this CRM, by any push, that are in one of these states. #}
{% macro said_to_crm(options, states) -%}
    crm = {{ leadloop.literal(options['crm']) }}
        and state in ('{{ states | join("', '") }}')
{%- endmacro %}

{# A journal row's place among those of its lead and field, and of one more thing in common, the newest being 1: by the
   number that the warehouse gave it, and among rows older than that number by their times. #}
{% macro newest_first(also=none, lead='crm_lead_id') -%}
    row_number() over (
            partition by {{ lead }}, field{{ ', ' ~ also if also }}
            order by coalesce(sequence_number, 0) desc, recorded_at desc, seq desc, run_id desc
        )
{%- endmacro %}

{# Whether an answer came after the lead was last seen: by number where the lead has one (counted: leads has the column),
   since two machines' clocks needn't agree, and then an answer without one is from before there were numbers; else by
   time. #}
{% macro unseen(answer, lead, counted) -%}
    {%- set by_time = answer ~ '.recorded_at > ' ~ lead ~ '.last_seen_at' -%}
    {%- if counted -%}
        case
            when {{ lead }}.last_sequence_number is null then {{ by_time }}
            else coalesce({{ answer }}.sequence_number, 0) > {{ lead }}.last_sequence_number
        end
    {%- else -%}
        {{ by_time }}
    {%- endif -%}
{%- endmacro %}
