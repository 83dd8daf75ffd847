{# Snowflake's SQL of what macros/push has for every engine. #}

{# A subquery there can't take a value from the row that it stands in. So the value is put in wherever its name stands. #}
{% macro snowflake__taking(value, name, body) -%}
    {{ return(modules.re.split('\\b' ~ name ~ '\\b', body) | join('(' ~ value ~ ')')) }}
{%- endmacro %}

{% macro snowflake__from_hex(text) -%}
    try_cast(cast(to_number({{ text }}, 'XXXXXXXX') as varchar) as integer)
{%- endmacro %}

{% macro snowflake__composed(value) -%}{%- do leadloop.refuse_on_snowflake('unicode') -%}{%- endmacro %}

{% macro snowflake__html_decoded(value) -%}{%- do leadloop.refuse_on_snowflake('html') -%}{%- endmacro %}

{% macro snowflake__items_sorted(bare) -%}{%- do leadloop.refuse_on_snowflake('list') -%}{%- endmacro %}

{% macro refuse_on_snowflake(rule) -%}
    {%- do leadloop.refuse_push('equal has ' ~ rule ~ ', which leadloop does not have in SQL for Snowflake yet; leave the rule out') -%}
{%- endmacro %}
