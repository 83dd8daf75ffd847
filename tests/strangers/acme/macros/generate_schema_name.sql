{# In production a schema is called as it is configured; in development each of us has their own. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if target.name.startswith('prod') -%}
        {{ custom_schema_name or target.schema }}
    {%- else -%}
        {{ target.schema }}{{ '_' ~ custom_schema_name if custom_schema_name }}
    {%- endif -%}
{%- endmacro %}
