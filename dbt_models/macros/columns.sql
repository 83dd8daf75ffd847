{# The names of a relation's columns, in their order; none for a relation that isn't there (yet), so that a warehouse
   into which nothing was read gives empty models instead of errors. Unit tests override this macro: what they are given
   is no relation that a database could describe. #}
{% macro columns_of(relation) -%}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {%- set there = load_relation(relation) -%}
    {%- if there is none -%}{{ return([]) }}{%- endif -%}
    {{ return(adapter.get_columns_in_relation(there) | map(attribute='name') | list) }}
{%- endmacro %}

{# What leadloop itself adds to a lead. A CRM's field of the same name gets the prefix crm_, see column_of_lead. #}
{% macro own_columns() -%}
    {{ return([
        'crm', 'lead_id', 'created_at', 'modified_at', 'removed_at', 'removal',
        'version_number', 'valid_from', 'valid_to', 'is_current', 'first_seen_at', 'last_seen_at',
        'last_sequence_number', 'sightings', 'made_at', 'content_hash',
        'leadloop_seen_at', 'leadloop_timezone', 'leadloop_sequence_number', '_dlt_load_id', '_dlt_id'
    ]) }}
{%- endmacro %}

{# Those columns that hold fields of the CRM: all but our own. #}
{% macro fields_among(columns) -%}
    {%- set own = leadloop.own_columns() -%}
    {{ return(columns | reject('in', own) | list) }}
{%- endmacro %}

{# The column in which every model from staging on keeps a raw column. #}
{% macro lead_column(column) -%}
    {{ return('crm_' ~ column if column in leadloop.own_columns() else column) }}
{%- endmacro %}

{# These columns (of a table) as the rest of a list. #}
{% macro further(columns, table=none) -%}
    {%- for column in columns %},
    {{ table ~ '.' if table }}{{ adapter.quote(column) }}
    {%- endfor -%}
{%- endmacro %}
