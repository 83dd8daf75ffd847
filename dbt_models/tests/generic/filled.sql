{# No row has NULL in the column. of, latest_by: see grain. #}
{% test filled(model, column_name, of, latest_by=none) %}
{%- set tested = ref('leadloop', of) %}
select {{ column_name }}
from {{ tested }}
where
    {{ column_name }} is null
    {%- if latest_by %}
    and {{ latest_by }} = (select max({{ latest_by }}) from {{ tested }})
    {%- endif %}
{% endtest %}
