{# The columns are the model's key: fails for every combination that more than one row has, or that has a NULL in it.

   latest_by: a column that says when a row was made, for a table of which each run makes some keys anew; only the last
   run's rows are looked at then, since the others were when they were made. #}
{% test grain(model, columns, latest_by=none) %}
select
    {{ columns | join(', ') }},
    count(*) as rows_found
from {{ model }}
{%- if latest_by %}
where {{ latest_by }} = (select max({{ latest_by }}) from {{ model }})
{%- endif %}
group by {{ columns | join(', ') }}
having count(*) > 1 or {{ columns | join(' is null or ') }} is null
{% endtest %}
