{# No row has NULL in the column. of: the model's name, see grain. #}
{% test filled(model, column_name, of) %}
select {{ column_name }}
from {{ ref('leadloop', of) }}
where {{ column_name }} is null
{% endtest %}
