{# Every option of a push with its default; crm, key and fields have to be given. #}
{% macro push_defaults() -%}
    {{ return({
        'crm': none, 'key': none, 'fields': none, 'mode': 'update', 'on_conflict': 'crm_wins', 'nulls': 'keep',
        'first_push': 'overwrite', 'max_changes': 5000, 'max_share': 0.2, 'max_unknown_share': 0.5, 'max_clears': 100, 'max_inserts': 1000,
        'max_deletes': 100, 'max_found': 100, 'confirm': 'all', 'options': {}, 'lead_id': '', 'equal': {},
        'approval': 'none', 'approve_above': none
    }) }}
{%- endmacro %}

{% macro push_choices() -%}
    {{ return({
        'mode': ['update', 'insert', 'upsert', 'delete'],
        'on_conflict': ['crm_wins', 'warehouse_wins', 'stop'],
        'nulls': ['keep', 'clear'],
        'first_push': ['overwrite', 'fill_empty', 'baseline'],
        'confirm': ['all', 'sample', 'none'],
        'approval': ['none', 'required']
    }) }}
{%- endmacro %}

{# What was given, checked and completed. A wrong option ends the parsing with one sentence that names model and option. #}
{% macro push_options(given) -%}
    {%- set defaults = leadloop.push_defaults() -%}
    {%- for name in given if name not in defaults -%}
        {%- do leadloop.refuse_push(
            "there is no option " ~ name ~ leadloop.did_you_mean(name, ['desired'] + defaults | list)
        ) -%}
    {%- endfor -%}
    {%- set options = {} -%}
    {%- for name, default in defaults.items() -%}
        {%- do options.update({name: given.get(name, default)}) -%}
    {%- endfor -%}
    {%- do leadloop.check_push_texts(options) -%}
    {%- if options['mode'] == 'delete' and options['fields'] is none -%}
        {%- do options.update({'fields': {}}) -%}
    {%- elif options['mode'] == 'delete' -%}
        {%- do leadloop.refuse_push("mode 'delete' deletes whole leads; leave fields out") -%}
    {%- else -%}
        {%- do leadloop.split_push_fields(options) -%}
        {%- do leadloop.check_push_fields(options['fields']) -%}
    {%- endif -%}
    {%- do options.update({'policies': options.get('policies', {})}) -%}
    {%- do leadloop.check_push_limits(options) -%}
    {%- do options.update({'equal': leadloop.checked_rules(options)}) -%}
    {%- do options.update({'options': leadloop.push_extras(options)}) -%}
    {%- if options['lead_id'] is not string or (options['lead_id'] and options['mode'] != 'upsert') -%}
        {%- do leadloop.refuse_push(
            "lead_id is for mode 'upsert': the column of desired that has the CRM's id of the lead, where it is known"
        ) -%}
    {%- endif -%}
    {{ return(options) }}
{%- endmacro %}

{% macro check_push_texts(options) -%}
    {%- for name in ['crm', 'key'] -%}
        {%- if options[name] is not string or not options[name] | trim -%}
            {%- do leadloop.refuse_push(
                name ~ " is missing; write for instance " ~ ("crm = '" ~ leadloop.crm_names() | first ~ "'" if name == 'crm' else "key = 'lead_id'")
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name, choices in leadloop.push_choices().items() if options[name] not in choices -%}
        {%- do leadloop.refuse_push(
            name ~ " must be one of " ~ choices | join(', ') ~ ", not " ~ options[name]
            ~ leadloop.did_you_mean(options[name] | string, choices)
        ) -%}
    {%- endfor -%}
{%- endmacro %}

{% macro check_push_fields(fields) -%}
    {%- if fields is not mapping or not fields -%}
        {%- do leadloop.refuse_push(
            "fields is missing; it says which column goes into which field of the CRM, as in fields = {'lead_score': 'score'}"
        ) -%}
    {%- endif -%}
    {%- set protected = {} -%}
    {%- for field in var('leadloop_protected_fields', []) -%}
        {%- do protected.update({leadloop.column_of(field): field}) -%}
    {%- endfor -%}
    {%- set columns = {} -%}
    {%- for field, column in fields.items() -%}
        {%- if field is not string or not field | trim or column is not string or not column | trim -%}
            {%- do leadloop.refuse_push("fields must have a field of the CRM and a column, as text, in each entry") -%}
        {%- endif -%}
        {%- set name = leadloop.column_of(field) -%}
        {%- if name in protected -%}
            {%- do leadloop.refuse_push(
                "fields has " ~ field ~ ", which the project protects: leadloop_protected_fields in dbt_project.yml has "
                ~ protected[name] ~ ", so no push may set it"
            ) -%}
        {%- endif -%}
        {%- if name in columns -%}
            {%- do leadloop.refuse_push(
                "fields has " ~ columns[name] ~ " and " ~ field ~ ", which are one and the same column, " ~ name
                ~ "; should the CRM have both fields, each needs a push of its own"
            ) -%}
        {%- endif -%}
        {%- do columns.update({name: field}) -%}
    {%- endfor -%}
{%- endmacro %}

{# What each insert is told besides its fields, as texts. Which options a CRM has is known where the plan is made. #}
{% macro push_extras(options) -%}
    {%- set given = options['options'] -%}
    {%- if given is not mapping or given and options['mode'] not in ['insert', 'upsert'] -%}
        {%- do leadloop.refuse_push(
            "options are what each insert or upsert is told besides its fields, as in options = {'list_id': '333'}"
        ) -%}
    {%- endif -%}
    {%- set texts = {} -%}
    {%- for name, value in given.items() -%}
        {%- if value is boolean -%}
            {%- do texts.update({name: value | string | lower}) -%}
        {%- elif value is integer or (value is string and value | trim) -%}
            {%- do texts.update({name: value | string | trim}) -%}
        {%- else -%}
            {%- do leadloop.refuse_push("the option " ~ name ~ " must be a text, a whole number, true or false") -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(texts) }}
{%- endmacro %}

{% macro check_push_limits(options) -%}
    {%- for name in ['max_changes', 'max_clears', 'max_inserts', 'max_deletes', 'max_found', 'approve_above'] -%}
        {%- set limit = options[name] -%}
        {%- if limit is not none and (limit is boolean or limit is not integer or limit < 0) -%}
            {%- do leadloop.refuse_push(name ~ " must be a whole number, 0 or more, or none for no limit") -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name in ['max_share', 'max_unknown_share'] -%}
        {%- set share = options[name] -%}
        {%- if share is not none and (share is boolean or share is not number or share < 0 or share > 1) -%}
            {%- do leadloop.refuse_push(name ~ " must be a number from 0 to 1, or none for no limit") -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
