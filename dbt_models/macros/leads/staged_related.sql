{# The CRMs of which removed leads were seen: their names, and where those lie. #}
{% macro removals_read() -%}
    {%- set found = {} -%}
    {%- for name in leadloop.crm_names() -%}
        {%- set raw = leadloop.raw_table(name, 'lead_removals') -%}
        {%- if leadloop.columns_of(raw) -%}
            {%- do found.update({name: raw}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# The sightings of one CRM's removed leads: removed_at as a point in time, beside what leadloop says of every raw row. #}
{% macro staged_removals(crm, raw) -%}
    {%- set columns = leadloop.columns_of(raw) -%}
    {%- set texts -%}
        select
            {{ leadloop.first_blanked(['id', 'lead_id'], columns) }} as lead_id,
            {{ leadloop.blanked('removal', columns) }} as removal,
            {{ leadloop.blanked('merged_into', columns) }} as merged_into,
            {{ leadloop.blanked('removed_at', columns) }} as _removed_at_text,
            leadloop_seen_at,
            coalesce(leadloop_timezone, 'UTC') as leadloop_timezone,
            {{ leadloop.sequence_number(columns) }} as leadloop_sequence_number,
            _dlt_load_id
        from {{ raw }}
    {%- endset -%}
    select
        '{{ crm }}' as crm,
        lead_id,
        removal,
        merged_into,
        removed_at,
        leadloop_seen_at,
        leadloop_timezone,
        leadloop_sequence_number,
        _dlt_load_id
    from (
        {{ leadloop.with_times(texts, ['removed_at'], leadloop.zones_in(crm, raw)) }}
    ) as timed
    where lead_id is not null
{%- endmacro %}

{# The CRMs of which recorded calls were seen: their names, and where those lie. #}
{% macro recordings_read() -%}
    {%- set found = {} -%}
    {%- set crms = leadloop.crms() -%}
    {%- for name in leadloop.crm_names() if crms[name]['recordings'] -%}
        {%- set raw = leadloop.raw_table(name, 'recordings') -%}
        {%- if leadloop.columns_of(raw) -%}
            {%- do found.update({name: raw}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# The CRMs of which logged calls were seen: their names, and where those lie. #}
{% macro calls_read() -%}
    {%- set found = {} -%}
    {%- set crms = leadloop.crms() -%}
    {%- for name in leadloop.crm_names() if crms[name].get('calls') -%}
        {%- set raw = leadloop.raw_table(name, 'calls') -%}
        {%- if leadloop.columns_of(raw) -%}
            {%- do found.update({name: raw}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# How long a call lasted, from a text; a part of a second is left out, and what is no number is NULL. #}
{% macro whole_seconds(text) -%}
    case
            when {{ leadloop.matches(text, '^[0-9]{1,9}([.][0-9]*)?$') }}
                then {{ leadloop.read_as(leadloop.part_before(text, "'.'"), 'integer') }}
        end
{%- endmacro %}

{# The sightings of one CRM's logged calls. #}
{% macro staged_calls(crm, raw) -%}
    {%- set columns = leadloop.columns_of(raw) -%}
    {%- set names = {
        'lead_id': 'lead_id', 'list_id': 'list_id', 'campaign_id': 'campaign_id', 'campaign': 'campaign', 'user_id': 'user_id',
        'user': 'user_name', 'status': 'status', 'status_name': 'status_name', 'call_type': 'call_type',
        'number_dialed': 'number_dialed', 'term_reason': 'ended_by', 'agent_comment': 'agent_comment', 'recording': 'recordings'
    } -%}
    {%- set texts -%}
        select
            {{ leadloop.blanked('id', columns) }} as call_id,
            {%- for shown, name in names.items() %}
            {{ leadloop.blanked(shown, columns) }} as {{ name }},
            {%- endfor %}
            {{ leadloop.blanked('call_date', columns) }} as _started_at_text,
            {{ leadloop.blanked('call_length', columns) }} as _seconds_text,
            leadloop_seen_at,
            coalesce(leadloop_timezone, 'UTC') as leadloop_timezone,
            _dlt_load_id
        from {{ raw }}
    {%- endset -%}
    select
        '{{ crm }}' as crm,
        call_id,
        {%- for name in names.values() %}
        {{ name }},
        {%- endfor %}
        started_at,
        {{ leadloop.whole_seconds('_seconds_text') }} as seconds,
        leadloop_seen_at,
        leadloop_timezone,
        _dlt_load_id
    from (
        {{ leadloop.with_times(texts, ['started_at'], leadloop.zones_in(crm, raw)) }}
    ) as timed
    where call_id is not null
{%- endmacro %}

{# The sightings of one CRM's recorded calls. #}
{% macro staged_recordings(crm, raw) -%}
    {%- set columns = leadloop.columns_of(raw) -%}
    {%- set texts -%}
        select
            {{ leadloop.first_blanked(['recording_id', 'id'], columns) }} as recording_id,
            {{ leadloop.blanked('lead_id', columns) }} as lead_id,
            {{ leadloop.blanked('start_time', columns) }} as _started_at_text,
            {{ leadloop.blanked('end_time', columns) }} as _ended_at_text,
            {{ leadloop.blanked('seconds', columns) }} as _seconds_text,
            {{ leadloop.blanked('url', columns) }} as url,
            leadloop_seen_at,
            coalesce(leadloop_timezone, 'UTC') as leadloop_timezone,
            _dlt_load_id
        from {{ raw }}
    {%- endset -%}
    select
        '{{ crm }}' as crm,
        recording_id,
        lead_id,
        started_at,
        ended_at,
        {{ leadloop.whole_seconds('_seconds_text') }} as seconds,
        url,
        leadloop_seen_at,
        leadloop_timezone,
        _dlt_load_id
    from (
        {{ leadloop.with_times(texts, ['started_at', 'ended_at'], leadloop.zones_in(crm, raw)) }}
    ) as timed
    where recording_id is not null
{%- endmacro %}
