{# The columns are the model's key: fails for every combination that more than one row has, or that has a NULL in it.

   of: the name of the model of leadloop's that is tested. dbt's own reference is to a model of that name in the user's
   project, if there is one.
   latest_by: a column that says when a row was made, for a table of which each run makes some keys anew; only the last
   run's rows are looked at then, since the others were when they were made.
   only: a condition for the rows that are looked at. #}
{% test grain(model, columns, latest_by=none, of=none, only=none) %}
{%- set tested = ref('leadloop', of) if of else model %}
select
    {{ columns | join(', ') }},
    count(*) as rows_found
from {{ tested }}
where
    {{ only or 'true' }}
    {%- if latest_by %}
    and {{ latest_by }} = (select max({{ latest_by }}) from {{ tested }})
    {%- endif %}
group by {{ columns | join(', ') }}
having count(*) > 1 or {{ columns | join(' is null or ') }} is null
{% endtest %}
