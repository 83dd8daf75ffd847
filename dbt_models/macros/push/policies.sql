{# What one field of a push may have of its own, instead of what the push has for all of its fields. Each is an option of the push,
   too, but for the column, and for tolerance, which is a rule of equal. #}
{% macro push_policies() -%}
    {{ return(['on_conflict', 'nulls', 'first_push']) }}
{%- endmacro %}

{# Takes the entries of fields apart that are more than a column: options['fields'] is field -> column after it, options['policies']
   field -> what it has of its own, and a rule of a field is where all rules are. #}
{% macro split_push_fields(options) -%}
    {%- set columns, policies, rules = {}, {}, {} -%}
    {%- set given = options['fields'] if options['fields'] is mapping else {} -%}
    {%- for field, entry in given.items() -%}
        {%- if entry is mapping -%}
            {%- do leadloop.check_push_entry(field, entry, options['equal']) -%}
            {%- set own = {} -%}
            {%- for name in leadloop.push_policies() if name in entry -%}
                {%- do own.update({name: entry[name]}) -%}
            {%- endfor -%}
            {%- do policies.update({field: own}) if own -%}
            {%- do rules.update({field: leadloop.rules_of_entry(field, entry, options['equal'])}) if 'equal' in entry or 'tolerance' in entry -%}
            {%- do columns.update({field: entry['column']}) -%}
        {%- else -%}
            {%- do columns.update({field: entry}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if columns -%}
        {%- do options.update({'fields': columns, 'policies': policies}) -%}
    {%- endif -%}
    {%- if rules and options['equal'] is mapping -%}
        {%- set all_rules = dict(options['equal']) -%}
        {%- do all_rules.update(rules) -%}
        {%- do options.update({'equal': all_rules}) -%}
    {%- endif -%}
{%- endmacro %}

{# The rules of a field that has any of its own, as a list; a tolerance comes after what the push has for the field. #}
{% macro rules_of_entry(field, entry, equal) -%}
    {%- set given = entry['equal'] if 'equal' in entry else equal.get(field, []) if equal is mapping else [] -%}
    {%- set found = leadloop.rules_given(given) | list -%}
    {%- if 'tolerance' in entry -%}
        {%- do found.append('tolerance(' ~ entry['tolerance'] ~ ')') -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}

{% macro check_push_entry(field, entry, equal) -%}
    {%- set known = ['column'] + leadloop.push_policies() + ['equal', 'tolerance'] -%}
    {%- for name in entry if name not in known -%}
        {%- do leadloop.refuse_push(
            "fields has " ~ name ~ " for " ~ field ~ ", and a field can have " ~ known | join(', ')
            ~ leadloop.did_you_mean(name | string, known)
        ) -%}
    {%- endfor -%}
    {%- if 'column' not in entry -%}
        {%- do leadloop.refuse_push(
            "fields has no column for " ~ field ~ "; write for instance '" ~ field ~ "': {'column': 'tier', 'nulls': 'clear'}"
        ) -%}
    {%- endif -%}
    {%- for name, choices in leadloop.push_choices().items() if name in entry and entry[name] not in choices -%}
        {%- do leadloop.refuse_push(
            name ~ " must be one of " ~ choices | join(', ') ~ " for " ~ field ~ ", not " ~ entry[name]
            ~ leadloop.did_you_mean(entry[name] | string, choices)
        ) -%}
    {%- endfor -%}
    {%- if 'equal' in entry and equal is mapping and field in equal -%}
        {%- do leadloop.refuse_push("equal is given twice for " ~ field ~ ": in fields and in equal") -%}
    {%- endif -%}
{%- endmacro %}

{# Whether the field of a row has one of these values for an option: 'true' or 'false' where it is so for every field, else a
   condition of SQL. #}
{% macro with_policy(options, name, values, field_of='field') -%}
    {%- set others = [] -%}
    {%- set found = [] -%}
    {%- for field in options['fields'] -%}
        {%- set value = options.get('policies', {}).get(field, {}).get(name, options[name]) -%}
        {%- do (found if value in values else others).append(leadloop.literal(field)) -%}
    {%- endfor -%}
    {%- if not found and not others -%}
        {{ return('true' if options[name] in values else 'false') }}
    {%- elif not found -%}
        {{ return('false') }}
    {%- elif not others -%}
        {{ return('true') }}
    {%- endif -%}
    {{ return(field_of ~ ' in (' ~ found | join(', ') ~ ')') }}
{%- endmacro %}
