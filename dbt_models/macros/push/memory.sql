{# CTEs with what int_push_memory says to this push: accepted, unanswered and flapping belong to the CRM's lead, whichever push
   sent it; refused and added to the rows of the push itself, and a push that adds no leads has no use for added. #}
{% macro remembered(names, options, memory) -%}
remembered as {{ leadloop.materialized(false) }} (
    select *
    from {{ memory }}
    where crm = {{ leadloop.literal(options['crm']) }}
),
    {% for name in names %}
{{ name }} as (
    select *
    from remembered
    where
        memory = '{{ name }}'
        {%- if name in ['refused', 'added'] %}
        and push = {{ leadloop.literal(leadloop.push_name()) }}
        {%- endif %}
){{ ',\n' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# Of a window: journal rows that are alike in these columns, the newest first: by the number that the warehouse gave them, and
   rows older than that number by their times. #}
{% macro newest_first(alike) -%}
    partition by {{ alike }} order by coalesce(sequence_number, 0) desc, recorded_at desc, seq desc, run_id desc
{%- endmacro %}

{# Whether an answer came after the lead was last seen: by number where the lead has one (counted: leads has the column),
   since two machines' clocks needn't agree, and then an answer without one is from before there were numbers; else by
   time. #}
{% macro unseen(answer, lead, counted) -%}
    {%- set by_time = lead ~ '.last_seen_at < ' ~ answer ~ '.recorded_at' -%}
    {%- if counted -%}
        case
            when {{ lead }}.last_sequence_number is null then {{ by_time }}
            else coalesce({{ answer }}.sequence_number, 0) > {{ lead }}.last_sequence_number
        end
    {%- else -%}
        {{ by_time }}
    {%- endif -%}
{%- endmacro %}
