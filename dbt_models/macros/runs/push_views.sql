{# push_pending and push_conflicts: all pushes of the project side by side. They are made at the end of each run of dbt and are no models:
   a model is made before those that stand on it, and no model of a package can know the pushes of whoever uses it. They are in the
   schema of int_push_memory, with which every push is compared.

   No run fails for them: a push that is not there (yet), or was made by an older version, is left out, and a table or a model of
   the project's own that has one of the names stays as it is. #}
{% macro make_push_views(results) -%}
    {%- set made = results | selectattr('status', 'equalto', 'success') | map(attribute='node.resource_type') | map('string') | list -%}
    {%- if not execute or 'model' not in made or flags.WHICH not in ['build', 'run', 'retry', 'clone'] -%}{{ return('') }}{%- endif -%}
    {%- set nodes = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | list -%}
    {%- set memory = nodes | selectattr('unique_id', 'equalto', 'model.leadloop.int_push_memory') | first -%}
    {%- if not memory -%}{{ return('') }}{%- endif -%}
    {%- set there = leadloop.columns_by_relation(nodes, [memory.schema]) -%}
    {%- if (memory.schema ~ '.' ~ memory.alias) | lower not in there -%}{{ return('') }}{%- endif -%}
    {%- set pushes = [] -%}
    {%- for node in nodes | sort(attribute='name') if node.config.meta.get('leadloop_push') -%}
        {%- set columns = there.get((node.schema ~ '.' ~ node.alias) | lower, []) -%}
        {%- if leadloop.push_columns() | reject('in', columns) | list | length == 0 -%}
            {%- do pushes.append({
                'name': node.name,
                'options': node.config.meta['leadloop_push'],
                'adds': 'crm_lead_id' in columns,
                'relation': leadloop.table_in(node.schema, node.alias)
            }) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set taken = [] -%}
    {%- for node in nodes -%}{%- do taken.append((node.schema ~ '.' ~ node.alias) | lower) -%}{%- endfor -%}
    {%- set views = {'push_pending': leadloop.push_pending(pushes), 'push_conflicts': leadloop.push_conflicts(pushes)} -%}
    {%- for name, query in views.items() if (memory.schema ~ '.' ~ name) | lower not in taken -%}
        {%- if (memory.schema ~ '.' ~ name) | lower not in there.get('', []) %}
{{ leadloop.create_push_view(leadloop.table_in(memory.schema, name), query, leadloop.told_of_push_views()[name]) }}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{% macro create_push_view(view, query, comments) -%}
    {{ return(adapter.dispatch('create_push_view', 'leadloop')(view, query, comments)) }}
{%- endmacro %}

{% macro default__create_push_view(view, query, comments) -%}
create or replace view {{ view }} as
{{ query }};
{{ leadloop.comment_on('view', view, comments) }}
{%- endmacro %}

{# Spark takes one statement at a time. #}
{% macro spark__create_push_view(view, query, comments) -%}
    {%- do run_query('create or replace view ' ~ view ~ ' comment ' ~ leadloop.literal(comments[none]) ~ ' as ' ~ query) -%}
{%- endmacro %}

{# Schema and name of each relation in the schemas of these nodes, in lower case -> its columns; and under '' those that are no views. #}
{% macro columns_by_relation(nodes, schemas) -%}
    {%- set wanted = schemas + nodes | selectattr('config.meta.leadloop_push', 'defined') | map(attribute='schema') | list -%}
    {{ return(adapter.dispatch('columns_in_schemas', 'leadloop')(wanted | unique | list)) }}
{%- endmacro %}

{# From what Spark says of each relation: a tree of its columns, and that it is a view. #}
{% macro spark__columns_in_schemas(schemas) -%}
    {%- set found = {'': []} -%}
    {%- for schema in schemas -%}
        {%- for row in run_query('show table extended in ' ~ schema ~ " like '*'").rows -%}
            {%- set name = (schema ~ '.' ~ row[1]) | lower -%}
            {%- set told = modules.re.findall('(?m)^ [|]-- (.*?): ', row[3]) or leadloop.columns_there(leadloop.table_in(schema, row[1])) -%}
            {%- do found.update({name: told | map('lower') | list}) -%}
            {%- do found[''].append(name) if 'Type: VIEW' not in row[3] -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{% macro default__columns_in_schemas(schemas) -%}
    {%- set literals = [] -%}
    {%- for each in schemas -%}{%- do literals.append(leadloop.literal(each | lower)) -%}{%- endfor -%}
    {%- set rows = run_query(
        'select lower(columns.table_schema), lower(columns.table_name), lower(columns.column_name), tables.table_type'
        ~ ' from information_schema.columns as columns inner join information_schema.tables as tables'
        ~ ' on columns.table_catalog = tables.table_catalog and columns.table_schema = tables.table_schema'
        ~ ' and columns.table_name = tables.table_name'
        ~ ' where lower(columns.table_catalog) = ' ~ leadloop.literal(target.database | lower)
        ~ ' and lower(columns.table_schema) in (' ~ literals | join(', ') ~ ')'
    ).rows -%}
    {%- set found = {'': []} -%}
    {%- for schema, name, column, kind in rows -%}
        {%- do found.setdefault(schema ~ '.' ~ name, []).append(column) -%}
        {%- do found[''].append(schema ~ '.' ~ name) if kind != 'VIEW' -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{% macro push_columns() -%}
    {{ return(['crm', 'lead_id', 'field', 'column_name', 'current_value', 'desired_value', 'base_value', 'verdict']) }}
{%- endmacro %}

{# What the pushes would do now: a query. #}
{% macro push_pending(pushes) -%}
    {%- for push in pushes %}
    {{- '\nunion all\n' if not loop.first -}}
select
    cast({{ leadloop.literal(push['name']) }} as {{ leadloop.sql_type('text') }}) as push,
    cast({{ leadloop.literal(push['options']['mode']) }} as {{ leadloop.sql_type('text') }}) as mode,
    cast(crm as {{ leadloop.sql_type('text') }}) as crm,
    cast(lead_id as {{ leadloop.sql_type('text') }}) as lead_id,
    cast({{ 'crm_lead_id' if push['adds'] else 'lead_id' }} as {{ leadloop.sql_type('text') }}) as crm_lead_id,
        {%- for name in leadloop.push_columns()[2:] %}
    cast({{ name }} as {{ leadloop.sql_type('text') }}) as {{ name }},
        {%- endfor %}
        {%- set wins = leadloop.with_policy(push['options'], 'on_conflict', ['warehouse_wins']) %}
    verdict in ('change', 'clear', 'insert', 'delete'{{ ", 'conflict'" if wins == 'true' }})
        {%- if wins not in ['true', 'false'] %}
    or (verdict = 'conflict' and {{ wins }})
        {%- endif %} as is_sent
from {{ push['relation'] }}
    {%- else -%}
select
    cast(null as {{ leadloop.sql_type('text') }}) as push,
    cast(null as {{ leadloop.sql_type('text') }}) as mode,
    cast(null as {{ leadloop.sql_type('text') }}) as crm,
    cast(null as {{ leadloop.sql_type('text') }}) as lead_id,
    cast(null as {{ leadloop.sql_type('text') }}) as crm_lead_id,
        {%- for name in leadloop.push_columns()[2:] %}
    cast(null as {{ leadloop.sql_type('text') }}) as {{ name }},
        {%- endfor %}
    cast(null as boolean) as is_sent
{{ leadloop.without_rows() }}
    {%- endfor %}
{%- endmacro %}

{# Fields that a person has edited since they were sent, and those for which two pushes would send different values, as either of the
   two compares them: a query. #}
{% macro push_conflicts(pushes) -%}
with pending as (
    {{ leadloop.push_pending(pushes) }}
)

select
    cast('edited' as {{ leadloop.sql_type('text') }}) as kind,
    push,
    cast(null as {{ leadloop.sql_type('text') }}) as other_push,
    crm,
    coalesce(crm_lead_id, lead_id) as lead_id,
    field,
    column_name,
    current_value,
    base_value,
    desired_value,
    cast(null as {{ leadloop.sql_type('text') }}) as other_value
from pending
where verdict = 'conflict'
union all
select
    cast('rival' as {{ leadloop.sql_type('text') }}) as kind,
    one.push,
    other.push as other_push,
    one.crm,
    one.crm_lead_id as lead_id,
    one.field,
    one.column_name,
    one.current_value,
    one.base_value,
    one.desired_value,
    other.desired_value as other_value
from pending as one
inner join pending as other
    on
        one.crm = other.crm
        and one.crm_lead_id = other.crm_lead_id
        and one.field = other.field
        and one.push < other.push
where
    one.is_sent
    and other.is_sent
    and one.field <> '*'
    and (
        {{ leadloop.differ_to(pushes, 'one.push', 'one.desired_value', 'other.desired_value', 'one.field') }}
        or {{ leadloop.differ_to(pushes, 'other.push', 'one.desired_value', 'other.desired_value', 'one.field') }}
    )
{%- endmacro %}

{# Whether two values differ to the push of this name. #}
{% macro differ_to(pushes, push, one, other, field) -%}
    {%- set with_rules = pushes | selectattr('options.equal') | list -%}
    {%- if not with_rules -%}{{ return(leadloop.texts_differ(one, other)) }}{%- endif -%}
    case
        {%- for each in with_rules %}
        when {{ push }} = {{ leadloop.literal(each['name']) }}
            then {{ leadloop.differ(one, other, each['options'], field) }}
        {%- endfor %}
        when {{ leadloop.texts_differ(one, other) }} then true
        else false
    end
{%- endmacro %}

{# Their comments: column -> text, none -> that of the view. #}
{% macro told_of_push_views() -%}
    {{ return({
        'push_pending': {
            none: 'What every push of the project would do now: one row per push, lead and field.',
            'push': 'The push, by the name of its model.',
            'mode': 'update, insert, upsert or delete.',
            'lead_id': "The lead's id in its CRM; in pushes that add leads, your own id of the row.",
            'crm_lead_id': "The lead's id in its CRM; NULL for a lead that is to be added.",
            'current_value': 'What the CRM shows.',
            'desired_value': 'What it should show; NULL clears the field.',
            'base_value': 'What the CRM last accepted from leadloop.',
            'is_sent': 'Whether the push sends it, if no guardrail stops it.'
        },
        'push_conflicts': {
            none: 'Fields that a person has edited since leadloop sent them, and those for which two pushes want different values.',
            'kind': 'edited: a person has edited the field in the CRM; rival: two pushes would send different values.',
            'push': 'The push, by the name of its model.',
            'other_push': 'For a rival: the other push.',
            'lead_id': "The lead's id in its CRM.",
            'current_value': 'What the CRM shows.',
            'base_value': 'What the CRM last accepted from leadloop.',
            'desired_value': 'What the push wants.',
            'other_value': 'For a rival: what the other push wants.'
        }
    }) }}
{%- endmacro %}
