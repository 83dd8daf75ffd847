{# A value of a push in the form in which it is compared, by the rule that the push has for the row's field.

   The rules are those of connector/push/equality.py; a test compares the two. #}
{% macro comparable(value, options, field_of='field') -%}
    {%- if not options['equal'] -%}
        {{ return(value) }}
    {%- endif -%}
    case {{ field_of }}
        {%- for field, rule in options['equal'].items() %}
        when {{ leadloop.literal(field) }} then {{ leadloop.in_one_form(value, rule) }}
        {%- endfor %}
        else {{ value }}
    end
{%- endmacro %}

{# Whether two values of a push differ, by the rule for the row's field: a condition that is never NULL. Most are the same as texts,
   and then no rule has to be worked out. #}
{% macro differ(one, other, options, field_of='field') -%}
    {%- if not options['equal'] -%}
        {{ return(leadloop.texts_differ(one, other)) }}
    {%- endif -%}
    case
        when {{ leadloop.texts_equal(one, other) }} then false
        {%- for field, rule in options['equal'].items() if leadloop.tolerance_of(rule) %}
        when {{ field_of }} = {{ leadloop.literal(field) }} then {{ leadloop.differ_by(one, other, rule) }}
        {%- endfor %}
        when
            (
                {{ leadloop.texts_differ(
                    '(' ~ leadloop.comparable(one, options, field_of) ~ ')', '(' ~ leadloop.comparable(other, options, field_of) ~ ')'
                ) }}
            )
            then true
        else false
    end
{%- endmacro %}

{# The same by one rule. Numbers differ if they do by more than the rule's tolerance. #}
{% macro differ_by(one, other, rule) -%}
    {%- set tolerance = leadloop.tolerance_of(rule) -%}
    {%- set ours, theirs = leadloop.in_one_form(one, rule), leadloop.in_one_form(other, rule) -%}
    case
        {%- if tolerance %}
        when ({{ leadloop.is_small_number('(' ~ ours ~ ')') }}) and ({{ leadloop.is_small_number('(' ~ theirs ~ ')') }})
            then abs({{ leadloop.small_number(ours) }} - {{ leadloop.small_number(theirs) }})
                > cast('{{ tolerance }}' as {{ leadloop.sql_type('decimal(38, 18)') }})
        {%- endif %}
        when ({{ leadloop.texts_differ('(' ~ ours ~ ')', '(' ~ theirs ~ ')') }}) then true
        else false
    end
{%- endmacro %}

{# A text in one form, or in several in their order: 'html, trim'. #}
{% macro in_one_form(value, rule) -%}
    {%- set form = namespace(sql=value) -%}
    {%- for each in rule.split(', ') -%}
        {%- set step = each.rstrip(')').split('(') -%}
        {%- if loop.first -%}
            {%- set form.sql = leadloop.in_form(value, step[0], step[1] if step | length > 1 else '') -%}
        {%- else -%}
            {%- set name = '_after_' ~ loop.index0 -%}
            {%- set form.sql = leadloop.taking(form.sql, name, leadloop.in_form(name, step[0], step[1] if step | length > 1 else '')) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(form.sql) }}
{%- endmacro %}

{# What a rule allows two numbers to differ by, as a text; '' for one that allows nothing. #}
{% macro tolerance_of(rule) -%}
    {%- set last = rule.split(', ')[-1] -%}
    {{ return(last[10:-1] if last.startswith('tolerance(') else '') }}
{%- endmacro %}
