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

{% macro in_one_form(value, rule) -%}
    {%- if rule == 'digits' -%}
        coalesce(nullif(regexp_replace({{ value }}, '[^0-9]', '', 'g'), ''), {{ value }})
    {%- elif rule == 'lower' -%}
        {{ leadloop.lowered(leadloop.trimmed(value)) }}
    {%- elif rule == 'trim' -%}
        {{ leadloop.trimmed(value) }}
    {%- else -%}
        {{ leadloop.plain_number(value) }}
    {%- endif -%}
{%- endmacro %}

{# By its text alone: a cast would fail on what is no number, and on one that is too long. #}
{% macro plain_number(value) -%}
    {%- set bare = "translate(" ~ value ~ ", ',$' || " ~ leadloop.blanks() ~ ", '')" -%}
    {%- set plain = namespace(sql=bare) -%}
    {%- for pattern, text in [
        ('^[+]', ''), ('^(-?)[.]', '\\10.'), ('^(-?)0+([0-9])', '\\1\\2'), ('([.][0-9]*[1-9])0+$', '\\1'), ('[.]0*$', ''),
        ('^-0$', '0')
    ] -%}
        {%- set plain.sql = "regexp_replace(" ~ plain.sql ~ ", '" ~ pattern ~ "', '" ~ text ~ "')" -%}
    {%- endfor -%}
    case
        when {{ bare }} ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$' then {{ plain.sql }}
        else {{ leadloop.trimmed(value) }}
    end
{%- endmacro %}
