{# No rows of these columns: name -> type. #}
{% macro no_rows(columns) -%}
select
    {%- for name, type in columns.items() %}
    cast(null as {{ leadloop.sql_type(type) }}) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
{{ leadloop.without_rows() }}
{%- endmacro %}
