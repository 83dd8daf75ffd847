{%- set columns = leadloop.columns_of(ref('leadloop', 'leads')) -%}
{%- for column, type in leadloop.lead_types(columns).items() %}
{{ 'union all' if not loop.first }}
{{ leadloop.type_counted(ref('leadloop', 'leads'), columns, column, type) }}
{%- else -%}
{{ leadloop.no_rows({'crm': 'text', 'column_name': 'text', 'type': 'text', 'filled': 'bigint', 'misfits': 'bigint'}) }}
{%- endfor %}
