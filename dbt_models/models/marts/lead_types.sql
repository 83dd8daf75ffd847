{%- set columns = leadloop.columns_of(ref('leadloop', 'leads')) -%}
{%- set types = leadloop.lead_types(columns) -%}
{%- if types -%}
{{ leadloop.types_counted(ref('leadloop', 'leads'), columns, types) }}
{%- else -%}
{{ leadloop.no_rows({'crm': 'text', 'column_name': 'text', 'type': 'text', 'filled': 'bigint', 'misfits': 'bigint'}) }}
{%- endif %}
