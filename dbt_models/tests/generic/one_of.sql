{# Every value of the column is one of these. of: the model's name, see grain. #}
{% test one_of(model, column_name, of, values) %}
select {{ column_name }}
from {{ ref('leadloop', of) }}
where {{ column_name }} not in ('{{ values | join("', '") }}')
{% endtest %}
