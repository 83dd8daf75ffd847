{# The three-way comparison: what we sent last (base), what the CRM shows (theirs), what it should show (ours).

   Rows that would be in sync are kept where desired has a lead twice: which of the two is meant nobody knows, and
   a plan that sees both can say so.

   A row whose lead the CRM doesn't have yet (insert, upsert) is added with all of its fields, and is in sync for good as
   soon as the CRM has accepted it. #}
{% macro push_diff(desired, options, leads, memory) -%}
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
            'unsendable': 'unsendable_' ~ loop.index,
            'is_there': column in columns or has_more,
            'is_shown': 'is_shown_' ~ loop.index if column in columns or has_more else 'false',
            'text': 'cast(' ~ leadloop.quoted(leadloop.exact_column(columns, column)) ~ ' as ' ~ leadloop.sql_type('text') ~ ')' if column in columns
                else leadloop.json_entry(leadloop.more_fields(), leadloop.literal(column)) if has_more
                else 'cast(null as ' ~ leadloop.sql_type('text') ~ ')'
        }) -%}
    {%- endfor -%}
    {%- set adds = options['mode'] in ['insert', 'upsert'] -%}
    {%- set no_lead = leadloop.no_lead_codes(options['crm']) -%}
    {%- set counted = 'last_sequence_number' in columns -%}
with {{ leadloop.remembered(
    ['accepted', 'unanswered', 'flapping', 'reverted', 'refused'] + (['added'] if adds else []), options, memory
) }},

{{ leadloop.push_pairs(desired, options, leads, fields, counted) }},

wanted as (
    {{ leadloop.field_changes(
        pairs='pairs',
        columns=['lead_id', 'crm_lead_id', 'copies', 'is_read', 'is_known', 'is_removed', 'last_seen_at']
            + (['last_sequence_number'] if counted else []) + (['is_added'] if adds else []),
        fields=fields, extra=['column_name', 'is_shown', 'unsendable'], every=true
    ) }}
),

-- What the CRM shows: what it showed when the lead was last read, unless it accepted a value of ours after that. Where
-- the CRM isn't read, or has never shown the field, what we sent last is all there is to go by.
compared as (
    select
        wanted.*,
        -- Where the only answer was lost, what that write was to replace: whatever else is there now, a person typed.
        case when accepted.lead_id is null then unanswered.old_value else accepted.value end as base_value,
        accepted.lead_id is not null or unanswered.lead_id is not null as has_base,
        unanswered.lead_id is not null as is_unanswered,
        unanswered.value as unanswered_value,
        case
            when not wanted.is_known or not wanted.is_shown or {{ leadloop.unseen('accepted', 'wanted', counted) }}
                then accepted.value
            else wanted.old_value
        end as current_value
    from wanted
    left join accepted on wanted.crm_lead_id = accepted.lead_id and wanted.field = accepted.field
    left join unanswered
        on
            wanted.crm_lead_id = unanswered.lead_id
            and wanted.field = unanswered.field
            and (
                accepted.lead_id is null
                or coalesce(unanswered.sequence_number, 0) > coalesce(accepted.sequence_number, 0)
                or (
                    coalesce(unanswered.sequence_number, 0) = coalesce(accepted.sequence_number, 0)
                    and accepted.recorded_at < unanswered.recorded_at
                )
            )
),

differing as (
    select
        compared.*,
        coalesce(refused.code, '') = 'skipped' as is_skipped,
        refused.lead_id is not null and {{ leadloop.is_same('refused.value', 'compared.new_value') }} as is_refused,
        -- What was refused together is held back together: if one of those fields now has another value, or is in sync,
        -- the others get a new chance, since it may have been that one the CRM did not like.
        coalesce(
            refused.refused_together = count(
                case when {{ leadloop.texts_alike('refused.value', 'compared.new_value') }} then refused.lead_id end
            ) over (partition by compared.lead_id, refused.run_id),
            false
        ) as all_refused,
        -- What the CRM keeps in another form is held as long as it shows that form, and nobody's edit.
        flapping.lead_id is not null and {{ leadloop.is_same('flapping.value', 'compared.new_value') }}
        and (
            coalesce(flapping.code, '') <> 'other_form'
            or {{ leadloop.is_same('flapping.old_value', 'compared.current_value') }}
        ) as is_flapping,
        reverted.lead_id is not null and {{ leadloop.is_same('reverted.value', 'compared.new_value') }} as is_reverted
        {%- if adds %},
        -- A lead that is to be added is held back as a whole or not at all.
        count(*) over (partition by compared.lead_id) = count(
            case when {{ leadloop.texts_alike('refused.value', 'compared.new_value') }} then refused.lead_id end
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
                coalesce(refused.code, '') not in ('{{ no_lead | join("', '") }}')
                or compared.last_seen_at is null
                or {{ leadloop.unseen('refused', 'compared', counted) }}
            )
            {%- endif %}
    left join flapping on compared.crm_lead_id = flapping.lead_id and compared.field = flapping.field
    left join reverted on compared.crm_lead_id = reverted.lead_id and compared.field = reverted.field
    where
        (
            {%- if adds %}
            case when compared.crm_lead_id is null then compared.new_value is not null and not compared.is_added else
            {%- endif %}
            {{ leadloop.differ('compared.new_value', 'compared.current_value', options, 'compared.field') }}
            {%- set clears = leadloop.with_policy(options, 'nulls', ['clear'], 'compared.field') %}
            {%- if clears != 'true' %}
            and (compared.new_value is not null{{ ' or ' ~ clears if clears != 'false' }})
            {%- endif %}
            {%- set sends_first = leadloop.with_policy(options, 'first_push', ['overwrite', 'fill_empty'], 'compared.field') %}
            {%- if sends_first != 'true' %}
            and (compared.has_base{{ ' or ' ~ sends_first if sends_first != 'false' }})
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
        when is_reverted then 'reverted'
        when
            has_base
            and ({{ leadloop.differ('current_value', 'base_value', options) }})
            -- It arrived after all, later than anybody looked for it.
            and (
                not is_unanswered
                or {{ leadloop.differ('current_value', 'unanswered_value', options) }}
            )
            then 'conflict'
        {%- set fills = leadloop.with_policy(options, 'first_push', ['fill_empty']) %}
        {%- if fills != 'false' %}
        when not has_base and current_value is not null{{ ' and ' ~ fills if fills != 'true' }} then 'conflict'
        {%- endif %}
        when new_value is null then 'clear'
        else 'change'
    end as verdict,
    (select count(*) from {{ desired }}) as desired_leads,
    unsendable
from differing
{%- endmacro %}

{# Whether two values are the same, NULL being the same as NULL; never NULL itself. Written so that sqlfluff can read it among
   the columns of a query, where it can't read "is not distinct from". #}
{% macro is_same(one, other) -%}
    {{ return(adapter.dispatch('is_same', 'leadloop')(one, other)) }}
{%- endmacro %}

{% macro default__is_same(one, other) -%}
    coalesce({{ one }} = {{ other }}, {{ one }} is null and {{ other }} is null)
{%- endmacro %}
