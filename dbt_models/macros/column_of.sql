{# The raw column that holds a CRM's field: LeadScore, "Lead Score" and lead-score are all lead_score.

   The same rule as column_name in connector/extract/columns.py: camelCase is split between a lower-case letter or digit
   and a capital, and between an acronym and the word after it; every run of other characters becomes one underscore;
   lower case; no underscore at either end; one in front of a digit; and x for a name of which nothing is left. #}
{% macro column_of(field) -%}
    {%- set re = modules.re -%}
    {%- set split = re.sub('(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', '_', field) -%}
    {%- set name = re.sub('[^A-Za-z0-9]+', '_', split).strip('_').lower() -%}
    {%- if not name -%}
        {{ return('x') }}
    {%- endif -%}
    {{ return('_' ~ name if name[0] in '0123456789' else name) }}
{%- endmacro %}
