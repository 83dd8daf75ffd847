{# The types that columns of leads have: those that the project declares in the variable leadloop_types, and of the other columns
   those that a CRM says itself, as leadloop has noted it in leadloop.fields.

       vars:
         leadloop_types:
           my_crm: {lead_score: integer, "Annual Income": number}   # a CRM's fields, as its API names them
           renewal_date: date                                          # this field of any CRM
           plan: text                                                  # stays a text, whatever a CRM says

   A value that does not fit is NULL in the column, and stays readable in the column of its text, see text_column. Nothing but the
   model leads has such columns: whatever compares values compares texts. #}

{# Column of leads -> integer, number, boolean, date or timestamp. Nothing for one that is a text.

   columns: those of leads, so that a field that is spelt in another way is found. #}
{% macro lead_types(columns) -%}
    {%- set found = leadloop.declared_types(columns) -%}
    {%- for column, type in leadloop.types_of_crms(columns).items() if column not in found -%}
        {#- Two texts more for each column: PostgreSQL has room for 1,664 in a list. -#}
        {%- if columns | length + found | length < 1500 -%}
            {%- do found.update({column: type}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set typed = {} -%}
    {%- for column, type in found.items() if type != 'text' -%}
        {%- do typed.update({column: type}) -%}
    {%- endfor -%}
    {{ return(typed) }}
{%- endmacro %}

{# Column of leads -> the type that the project declares. #}
{% macro declared_types(columns) -%}
    {%- set found = {} -%}
    {%- set given = var('leadloop_types', {}) -%}
    {%- if not given -%}{{ return(found) }}{%- endif -%}
    {%- if given is not mapping -%}
        {%- do leadloop.refuse_type('it must be a mapping, as in {' ~ leadloop.crm_names() | first ~ ': {lead_score: integer}}') -%}
    {%- endif -%}
    {%- set names = leadloop.crm_names() -%}
    {%- for key, value in given.items() -%}
        {%- if value is mapping -%}
            {%- if execute and key not in names -%}
                {%- do leadloop.refuse_type('there is no CRM ' ~ key ~ leadloop.did_you_mean(key | string, names)) -%}
            {%- endif -%}
            {%- for field, type in value.items() -%}
                {%- do leadloop.add_type(found, leadloop.column_in(columns, key, field | string), type, field) -%}
            {%- endfor -%}
        {%- else -%}
            {%- for name in names -%}
                {%- do leadloop.add_type(found, leadloop.column_in(columns, name, key | string), value, key) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# Two CRMs share a column: it has the type that the values of both fit. #}
{% macro add_type(found, column, type, field) -%}
    {%- set types = ['integer', 'number', 'boolean', 'date', 'timestamp', 'text'] -%}
    {%- if type not in types -%}
        {%- do leadloop.refuse_type(
            field ~ ' must be one of ' ~ types | join(', ') ~ ', not ' ~ type ~ leadloop.did_you_mean(type | string, types)
        ) -%}
    {%- endif -%}
    {%- set both = [found.get(column, type), type] | unique | sort -%}
    {%- set one = leadloop.type_of_both(both) -%}
    {%- if one is none -%}
        {%- do leadloop.refuse_type('the column ' ~ column ~ ' has two types, ' ~ both | join(' and ')) -%}
    {%- endif -%}
    {%- do found.update({column: one}) -%}
{%- endmacro %}

{# The type that values of these (sorted) types all fit; none where there is no such type. #}
{% macro type_of_both(types) -%}
    {%- if types == ['integer', 'number'] or types == ['date', 'timestamp'] -%}{{ return(types[1]) }}{%- endif -%}
    {{ return(types[0] if types | length == 1 else none) }}
{%- endmacro %}

{# Column of leads -> the type that the CRMs say it has. A column that two CRMs share has it only if both say so. #}
{% macro types_of_crms(columns) -%}
    {%- set found = {} -%}
    {%- set said = leadloop.types_said() -%}
    {%- if not said -%}{{ return(found) }}{%- endif -%}
    {%- for leads in leadloop.crms_read() -%}
        {%- set types = {} -%}
        {%- for field, type in said.get(leads['crm'], {}).items() -%}
            {%- do types.update({leadloop.column_in(columns, leads['crm'], field): type}) -%}
        {%- endfor -%}
        {%- for column in leads['fields'].values() if column in columns -%}
            {%- set both = [found.get(column, types.get(column, 'text')), types.get(column, 'text')] | unique | sort -%}
            {%- do found.update({column: leadloop.type_of_both(both) or 'text'}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# CRM -> its field -> the type that it says: what leadloop.fields has, where leadloop has extracted anything by now. Unit tests
   override this macro. #}
{% macro types_said() -%}
    {%- set found = {} -%}
    {%- if not execute -%}{{ return(found) }}{%- endif -%}
    {%- set fields = leadloop.own_table('fields') -%}
    {#- Not columns_of, for which a unit test says what it likes. -#}
    {%- if not leadloop.columns_there(fields) -%}{{ return(found) }}{%- endif -%}
    {%- for crm, field, type in run_query("select crm, field, type from " ~ fields ~ " where type <> 'text' order by crm, field").rows -%}
        {%- do found.setdefault(crm, {}).update({field: type}) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{% macro refuse_type(sentence) -%}
    {%- do exceptions.raise_compiler_error('leadloop_types: ' ~ sentence ~ ('' if sentence.endswith('?') else '.')) -%}
{%- endmacro %}

{# The column of leads that has the text of a typed one: two underscores, which no field's column has. The same rule as in
   connector/extract/raw.py. #}
{% macro text_column(column) -%}
    {%- if column | length <= 57 -%}{{ return(column ~ '__text') }}{%- endif -%}
    {{ return(column[:48] ~ '_' ~ local_md5(column)[:8] ~ '__text') }}
{%- endmacro %}

{# Of leads, which has these columns, the one with a field's text, exactly as the CRM shows it. #}
{% macro exact_column(columns, column) -%}
    {%- set text = leadloop.text_column(column) -%}
    {{ return(text if text in columns else column) }}
{%- endmacro %}

{# These columns (of a table) as the rest of a list. One with a type is two: its value in that type, and its text. So is one for which
   the raw table has no column. #}
{% macro further_typed(columns, types, table) -%}
    {%- set texts = leadloop.typed_texts(columns, types, table) -%}
    {%- for column in (columns + texts | list) | unique %},
    {%- if column in texts %}
    {{ leadloop.as_type(leadloop.trimmed(texts[column]), types[column]) }} as {{ leadloop.quoted(column) }},
    {{ texts[column] }} as {{ leadloop.quoted(leadloop.text_column(column)) }}
    {%- else %}
    {{ table }}.{{ leadloop.quoted(column) }}
    {%- endif %}
    {%- endfor -%}
{%- endmacro %}

{# Column with a type -> the SQL of its text, of those that there are. #}
{% macro typed_texts(columns, types, table) -%}
    {%- set more = leadloop.more_fields() -%}
    {%- set found = {} -%}
    {%- for column in types -%}
        {%- if column in columns -%}
            {%- do found.update({column: table ~ '.' ~ leadloop.quoted(column)}) -%}
        {%- elif more in columns -%}
            {%- do found.update({column: leadloop.one_of_more(table ~ '.' ~ more, leadloop.literal(column))}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# A text in a type, NULL where it is none of that type's; never an error, whatever the text. #}
{% macro as_type(text, type) -%}
    {%- if type == 'integer' -%}
    case
        when {{ leadloop.matches(text, '^[-+]?[0-9]{1,18}([.]0*)?$') }} then {{ leadloop.read_as(
            leadloop.stripped(leadloop.part_before(text, "'.'"), "'+'", 'leading'), 'bigint'
        ) }}
    end
    {%- elif type == 'number' -%}
    case
        when length({{ text }}) <= 200 and {{ leadloop.matches(text, '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{1,2})?$') }}
            then {{ leadloop.read_as(leadloop.stripped(text, "'+'", 'leading'), 'double precision') }}
    end
    {%- elif type == 'boolean' -%}
    case
        when {{ leadloop.lowered(text) }} in ('true', 'yes', 'on', 't', 'y', '1') then true
        when {{ leadloop.lowered(text) }} in ('false', 'no', 'off', 'f', 'n', '0') then false
    end
    {%- elif type == 'date' -%}
    case
        when {{ leadloop.wall_clock(text) }} = cast(cast({{ leadloop.wall_clock(text) }} as date) as {{ leadloop.sql_type('timestamp') }})
            then cast({{ leadloop.wall_clock(text) }} as date)
    end
    {%- else -%}
    {%- set clock = leadloop.wall_clock(text) -%}
    {{ leadloop.minutes_before(clock, 'coalesce(' ~ leadloop.offset_minutes(text, clock) ~ ', 0)') }}
    {%- endif -%}
{%- endmacro %}

{# How many values of a column there are and how many don't fit its type, by CRM: a query. One row without a CRM for a column that is
   not there.

   leads: the model, which has these columns and is read once; types: column -> type, at least one. #}
{% macro types_counted(leads, columns, types) -%}
    {#- Numbers, since PostgreSQL cuts a name after 63 bytes, and Sail reads no view that has a blank in one. #}
    {%- set numbers = {} -%}
    {%- for column in types %}{% do numbers.update({column: loop.index}) %}{% endfor -%}
with counted as (
    select
        {%- for column in types if leadloop.text_column(column) in columns %}
        count({{ leadloop.quoted(leadloop.text_column(column)) }}) as filled_{{ numbers[column] }},
        count({{ leadloop.quoted(column) }}) as fitting_{{ numbers[column] }},
        {%- endfor %}
        crm
    from {{ leads }}
    group by crm
)
    {%- for column, type in types.items() %}
{{ 'union all' if not loop.first }}
select
        {%- if leadloop.text_column(column) in columns %}
    crm,
        {%- else %}
    cast(null as {{ leadloop.sql_type('text') }}) as crm,
        {%- endif %}
    {{ leadloop.literal(column) }} as column_name,
    {{ leadloop.literal(type) }} as type,
        {%- if leadloop.text_column(column) in columns %}
    filled_{{ numbers[column] }} as filled,
    filled_{{ numbers[column] }} - fitting_{{ numbers[column] }} as misfits
from counted
        {%- else %}
    cast(0 as bigint) as filled,
    cast(0 as bigint) as misfits
        {%- endif %}
    {%- endfor %}
{%- endmacro %}
