{# The raw column that holds a CRM's field: LeadScore, "Lead Score" and lead-score are all lead_score.

   The same rule as in connector/extract/names.py: camelCase is split between a lower-case letter or digit and a capital,
   and between an acronym and the word after it; every run of other characters becomes one underscore; lower case; no
   underscore at either end; one in front of a digit. A name of which more than that gets lost, that is too long, or that
   PostgreSQL has for itself, ends in a suffix made from the whole name. #}
{% macro column_of(field) -%}
    {%- set re = modules.re -%}
    {%- set name = leadloop.plain_column(field) -%}
    {%- if
        not name or name | length > 63 or name in ['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']
        or not re.fullmatch('[A-Za-z0-9 ._-]+', field) or re.search('_x[0-9a-f]{8}$', name)
    -%}
        {{ return(leadloop.suffixed_column(name, field)) }}
    {%- endif -%}
    {{ return(name) }}
{%- endmacro %}

{# The column of leads, which has these columns, that holds a CRM's field. Where an account has two fields that differ only
   in how they are written, one of them has a column with a suffix. #}
{% macro column_in(columns, crm, field) -%}
    {%- set own = leadloop.suffixed_column(leadloop.plain_column(field), crm ~ '.' ~ field) -%}
    {{ return(own if own in columns else leadloop.lead_column(leadloop.raw_column(leadloop.column_of(field)))) }}
{%- endmacro %}

{% macro plain_column(field) -%}
    {%- set re = modules.re -%}
    {%- set split = re.sub('(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', '_', field) -%}
    {%- set name = re.sub('[^A-Za-z0-9]+', '_', split).strip('_').lower() -%}
    {{ return('_' ~ name if name and name[0] in '0123456789' else name) }}
{%- endmacro %}

{% macro suffixed_column(name, meant) -%}
    {{ return((name or 'x')[:53].rstrip('_') ~ '_x' ~ local_md5(meant)[:8]) }}
{%- endmacro %}
