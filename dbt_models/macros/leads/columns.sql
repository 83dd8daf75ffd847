{# What leadloop itself adds to a lead. A CRM's field of the same name gets the prefix crm_, see lead_column. #}
{% macro own_columns() -%}
    {{ return([
        'crm', 'lead_id', 'created_at', 'modified_at', 'removed_at', 'removal', 'merged_into',
        'version_number', 'valid_from', 'valid_to', 'is_current', 'first_seen_at', 'last_seen_at',
        'last_sequence_number', 'sightings', 'build_number', 'made_at', 'content_hash',
        'leadloop_seen_at', 'leadloop_timezone', 'leadloop_sequence_number', '_dlt_load_id', '_dlt_id'
    ]) }}
{%- endmacro %}

{# Those columns that hold fields of the CRM: all but our own. #}
{% macro fields_among(columns) -%}
    {%- set own = leadloop.own_columns() -%}
    {{ return(columns | reject('in', own) | list) }}
{%- endmacro %}

{# The column, in raw tables and in leads, that has the fields for which the raw table has no columns of their own: a JSON
   object, column -> text. Nothing else is in it, and what is blank is left out. #}
{% macro more_fields() -%}
    {{ return('leadloop_more_fields') }}
{%- endmacro %}

{# The text of one of these fields, by a literal of its column's name; NULL where it isn't there. #}
{% macro one_of_more(object, name) -%}
    {{ leadloop.blank_as_null(leadloop.json_entry(object, name)) }}
{%- endmacro %}

{# The rows of a relation, one for each name in the JSON object in this column: that name, as field, and these columns. #}
{% macro names_in_more(relation, object, columns) -%}
    {{ return(adapter.dispatch('names_in_more', 'leadloop')(relation, object, columns)) }}
{%- endmacro %}

{% macro default__names_in_more(relation, object, columns) -%}
    select
        {{ columns | join(', ') }},
        named.field
    from {{ relation }}
    cross join lateral json_object_keys(cast({{ object }} as json)) as named (field)
{%- endmacro %}

{% macro duckdb__names_in_more(relation, object, columns) -%}
    select
        {{ columns | join(', ') }},
        unnest(json_keys({{ object }})) as field
    from {{ relation }}
{%- endmacro %}

{% macro spark__names_in_more(relation, object, columns) -%}
    select
        {{ columns | join(', ') }},
        explode(json_object_keys({{ object }})) as field
    from {{ relation }}
{%- endmacro %}

{# The column in which every model from staging on keeps a raw column: one that would be ours has crm_ before its name, and
   so has one whose name looks like that already. #}
{% macro lead_column(column) -%}
    {{ return(leadloop.set_aside(column, leadloop.own_columns())) }}
{%- endmacro %}

{# The same for a raw table, in which other columns are ours. #}
{% macro raw_column(column) -%}
    {%- set own = ['leadloop_seen_at', 'leadloop_timezone', 'leadloop_sequence_number', leadloop.more_fields()] -%}
    {{ return(leadloop.set_aside(column, own)) }}
{%- endmacro %}

{% macro set_aside(column, own) -%}
    {%- set ours = namespace(name=column) -%}
    {%- for _ in range(column.count('crm_')) -%}
        {%- if ours.name[:4] == 'crm_' and ours.name not in own -%}
            {%- set ours.name = ours.name[4:] -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return('crm_' ~ column if ours.name in own else column) }}
{%- endmacro %}

{# These columns (of a table) as the rest of a list. #}
{% macro further(columns, table=none) -%}
    {%- for column in columns %},
    {{ table ~ '.' if table }}{{ leadloop.quoted(column) }}
    {%- endfor -%}
{%- endmacro %}
