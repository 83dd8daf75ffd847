{# The rules of equal: name -> the pattern of its parameter, and an example of it; none for a rule that takes none. #}
{% macro push_rules() -%}
    {{ return({
        'digits': none, 'lower': none, 'trim': none, 'number': none, 'boolean': none, 'list': none, 'html': none, 'lines': none,
        'unicode': none,
        'date': ['^(mdy|dmy)?$', 'date, date(mdy) or date(dmy)'],
        'time': ['^(mdy|dmy)?$', 'time, time(mdy) or time(dmy)'],
        'round': ['^([0-9]|1[0-8])$', 'round(2), with up to 18 decimals'],
        'cut': ['^[1-9][0-9]{0,3}$', 'cut(50), with up to 9999 characters'],
        'tolerance': ['^[0-9]{1,18}([.][0-9]{1,18})?$', 'tolerance(0.5), a number that is not negative']
    }) }}
{%- endmacro %}

{# equal as it was given, checked and in one form: field -> 'html, cut(50)'. #}
{% macro checked_rules(options) -%}
    {%- if options['equal'] is not mapping -%}
        {%- do leadloop.refuse_push("equal says how fields are compared, as in equal = {'phone_number': 'digits'}") -%}
    {%- endif -%}
    {%- set found = {} -%}
    {%- for field, given in options['equal'].items() -%}
        {%- if field not in options['fields'] -%}
            {%- do leadloop.refuse_push(
                "equal has " ~ field ~ ", which is not one of its fields"
                ~ leadloop.did_you_mean(field | string, options['fields'] | list)
            ) -%}
        {%- endif -%}
        {%- set steps = [] -%}
        {%- for each in leadloop.rules_given(given) -%}
            {%- do steps.append(leadloop.checked_rule(field, each | string | trim | lower)) -%}
            {%- if steps[-1].startswith('tolerance(') and not loop.last -%}
                {%- do leadloop.refuse_push("tolerance must be the last rule for " ~ field) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if not steps -%}
            {%- do leadloop.checked_rule(field, given) -%}
        {%- endif -%}
        {%- do found.update({field: steps | join(', ')}) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# A rule alone, several with commas between, or a list of them: as a list. #}
{% macro rules_given(given) -%}
    {%- if given is string -%}{{ return(given.split(',')) }}{%- endif -%}
    {%- if given is mapping or given is not iterable -%}{{ return([given]) }}{%- endif -%}
    {%- set found = [] -%}
    {%- for each in given -%}
        {%- do found.extend(each.split(',') if each is string else [each]) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{% macro checked_rule(field, given) -%}
    {%- set rules = leadloop.push_rules() -%}
    {%- set text = given | string -%}
    {%- set name = text.split('(')[0] -%}
    {%- if name not in rules -%}
        {%- do leadloop.refuse_push(
            "equal must be one of " ~ rules | join(', ') ~ " for " ~ field ~ ", not " ~ text
            ~ leadloop.did_you_mean(name, rules | list)
        ) -%}
    {%- endif -%}
    {%- set rest = text[name | length:] -%}
    {%- set known = rules[name] or ['^$', name ~ ', alone'] -%}
    {%- if (rest and not (rest.startswith('(') and rest.endswith(')'))) or not modules.re.match(known[0], rest[1:-1]) -%}
        {%- do leadloop.refuse_push("equal has " ~ text ~ " for " ~ field ~ "; write " ~ known[1]) -%}
    {%- endif -%}
    {{ return(name ~ (rest if rest != '()' else '')) }}
{%- endmacro %}
