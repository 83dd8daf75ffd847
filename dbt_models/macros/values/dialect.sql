{# What every engine can do and writes in a way of its own. Each macro is the SQL of one expression or name. #}

{# A type, by the name that most engines have for it. #}
{% macro sql_type(name) -%}
    {{ return(adapter.dispatch('sql_type', 'leadloop')(name)) }}
{%- endmacro %}

{% macro default__sql_type(name) -%}{{ return(name) }}{%- endmacro %}

{% macro spark__sql_type(name) -%}
    {{ return({
        'text': 'string', 'timestamptz': 'timestamp', 'timestamp': 'timestamp_ntz', 'double precision': 'double'
    }.get(name, name)) }}
{%- endmacro %}

{# A column's name in SQL. #}
{% macro quoted(name) -%}
    {{ return(adapter.dispatch('quoted', 'leadloop')(name)) }}
{%- endmacro %}

{% macro default__quoted(name) -%}{{ return(adapter.quote(name)) }}{%- endmacro %}

{# A time that is so many minutes (SQL) earlier; and one that is a day or some minutes (numbers) later. #}
{% macro minutes_before(time, minutes) -%}
    {{ return(adapter.dispatch('minutes_before', 'leadloop')(time, minutes)) }}
{%- endmacro %}

{% macro default__minutes_before(time, minutes) -%}
    {{ time }} - {{ minutes }} * interval '1 minute'
{%- endmacro %}

{# A span of time by a number of its units, as in 5 and 'minute', to be added to a time. #}
{% macro span(number, unit) -%}
    {{ return(adapter.dispatch('span', 'leadloop')(number, unit)) }}
{%- endmacro %}

{% macro default__span(number, unit) -%}
    interval '{{ number }} {{ unit }}{{ 's' if number != 1 }}'
{%- endmacro %}

{# What makes a query without a table one that has no rows. #}
{% macro without_rows() -%}
    {{ return(adapter.dispatch('without_rows', 'leadloop')()) }}
{%- endmacro %}

{% macro default__without_rows() -%}where false{%- endmacro %}

{# What stands between two queries of which each row is wanted once. #}
{% macro union_of_sets() -%}
    {{ return(adapter.dispatch('union_of_sets', 'leadloop')()) }}
{%- endmacro %}

{% macro default__union_of_sets() -%}union{%- endmacro %}

{# What stands in a text before the first such separator (a literal); all of it if there is none. #}
{% macro part_before(text, separator) -%}
    {{ return(adapter.dispatch('part_before', 'leadloop')(text, separator)) }}
{%- endmacro %}

{% macro default__part_before(text, separator) -%}
    split_part({{ text }}, {{ separator }}, 1)
{%- endmacro %}

{# The moment at which a statement runs, as a point in time. #}
{% macro now() -%}
    {{ return(adapter.dispatch('now', 'leadloop')()) }}
{%- endmacro %}

{% macro default__now() -%}current_timestamp{%- endmacro %}

{# Whether two values differ, NULL being the same as NULL; never NULL itself. texts_differ and texts_alike say it of texts, of which
   every character counts. #}
{% macro differs(one, other) -%}
    {{ return(adapter.dispatch('differs', 'leadloop')(one, other)) }}
{%- endmacro %}

{% macro default__differs(one, other) -%}{{ one }} is distinct from {{ other }}{%- endmacro %}

{% macro texts_differ(one, other) -%}
    {{ return(adapter.dispatch('texts_differ', 'leadloop')(one, other)) }}
{%- endmacro %}

{% macro default__texts_differ(one, other) -%}{{ one }} is distinct from {{ other }}{%- endmacro %}

{% macro texts_alike(one, other) -%}
    {{ return(adapter.dispatch('texts_alike', 'leadloop')(one, other)) }}
{%- endmacro %}

{% macro default__texts_alike(one, other) -%}{{ one }} is not distinct from {{ other }}{%- endmacro %}

{# The same, but NULL where one of the texts is. #}
{% macro texts_equal(one, other) -%}
    {{ return(adapter.dispatch('texts_equal', 'leadloop')(one, other)) }}
{%- endmacro %}

{% macro default__texts_equal(one, other) -%}{{ one }} = {{ other }}{%- endmacro %}

{# A text from its nth character on: so many, or all. #}
{% macro part_of(text, first, length=none) -%}
    {{ return(adapter.dispatch('part_of', 'leadloop')(text, first, length)) }}
{%- endmacro %}

{% macro default__part_of(text, first, length) -%}
    substr({{ text }}, {{ first }}{{ ', ' ~ length if length is not none }})
{%- endmacro %}

{# Whether a query has a row: a condition that may stand among the columns of another. #}
{% macro has_rows(query) -%}
    {{ return(adapter.dispatch('has_rows', 'leadloop')(query)) }}
{%- endmacro %}

{% macro default__has_rows(query) -%}
    exists ({{ query }})
{%- endmacro %}

{# A SQL literal. #}
{% macro literal(text) -%}
    {{ return(adapter.dispatch('literal', 'leadloop')(text)) }}
{%- endmacro %}

{% macro default__literal(text) -%}
    '{{ text | replace("'", "''") }}'
{%- endmacro %}

{# A backslash begins an escape there, and before Spark 4 a doubled quote is none: it is left out. #}
{% macro spark__literal(text) -%}
    '{{ text | replace("\\", "\\\\") | replace("'", "\\'") }}'
{%- endmacro %}

{# Whether a text looks like a pattern. #}
{% macro matches(value, pattern) -%}
    {{ return(adapter.dispatch('matches', 'leadloop')(value, pattern)) }}
{%- endmacro %}

{% macro default__matches(value, pattern) -%}
    {{ value }} ~ '{{ pattern }}'
{%- endmacro %}

{% macro spark__matches(value, pattern) -%}
    {{ value }} rlike {{ leadloop.spark_pattern(pattern) }}
{%- endmacro %}

{# Java's $ matches before a last line end, too. #}
{% macro spark_pattern(pattern) -%}
    {{ return(leadloop.literal(pattern | replace('$', '\\z'))) }}
{%- endmacro %}

{# A text with something else in place of the first thing in it that looks like a pattern. #}
{% macro replaced(value, pattern, plain) -%}
    {{ return(adapter.dispatch('replaced', 'leadloop')(value, pattern, plain)) }}
{%- endmacro %}

{% macro default__replaced(value, pattern, plain) -%}
    regexp_replace({{ value }}, '{{ pattern }}', '{{ plain }}')
{%- endmacro %}

{# Spark replaces all; every pattern here matches once. Java and Sail disagree where a group's number ends: a character that no value
   of such a form has stands between, and goes again. #}
{% macro spark__replaced(value, pattern, plain) -%}
    {%- set re = modules.re -%}
    {%- set apart = re.sub('\\\\([0-9])(?=[0-9A-Za-z_])', '$\\1\x01', plain) -%}
    {%- set found = 'regexp_replace(' ~ value ~ ', ' ~ leadloop.spark_pattern(pattern) ~ ', '
        ~ leadloop.literal(re.sub('\\\\([0-9])', '$\\1', apart)) ~ ')' -%}
    {{ return(found if '\x01' not in apart else 'replace(' ~ found | replace('\x01', '\\u0001') ~ ", chr(1), '')") }}
{%- endmacro %}

{# The digits of a text. #}
{% macro digits_of(value) -%}
    {{ return(adapter.dispatch('digits_of', 'leadloop')(value)) }}
{%- endmacro %}

{% macro default__digits_of(value) -%}
    regexp_replace({{ value }}, '[^0-9]', '', 'g')
{%- endmacro %}

{% macro spark__digits_of(value) -%}
    regexp_replace({{ value }}, '[^0-9]', '')
{%- endmacro %}

{# A text without these characters around it, or at one end: 'leading' or 'trailing'. #}
{% macro stripped(value, characters, side='both') -%}
    {{ return(adapter.dispatch('stripped', 'leadloop')(value, characters, side)) }}
{%- endmacro %}

{% macro default__stripped(value, characters, side) -%}
    {{ {'both': 'trim', 'leading': 'ltrim', 'trailing': 'rtrim'}[side] }}({{ value }}, {{ characters }})
{%- endmacro %}

{# rtrim(characters, text) there, without an error for who writes it the other way round. #}
{% macro spark__stripped(value, characters, side) -%}
    trim({{ side }} {{ characters }} from {{ value }})
{%- endmacro %}

{# Where a text is in another, from 1; 0 where it is not. #}
{% macro place_of(part, text) -%}
    {{ return(adapter.dispatch('place_of', 'leadloop')(part, text)) }}
{%- endmacro %}

{% macro default__place_of(part, text) -%}
    strpos({{ text }}, {{ part }})
{%- endmacro %}

{% macro spark__place_of(part, text) -%}
    instr({{ text }}, {{ part }})
{%- endmacro %}

{# A text in a type, where a condition has seen to it that it is of that type. #}
{% macro read_as(text, type) -%}
    {{ return(adapter.dispatch('read_as', 'leadloop')(text, type)) }}
{%- endmacro %}

{% macro default__read_as(text, type) -%}
    cast({{ text }} as {{ type }})
{%- endmacro %}

{# The condition may be looked at after the text. #}
{% macro spark__read_as(text, type) -%}
    try_cast({{ text }} as {{ leadloop.sql_type(type) }})
{%- endmacro %}

{# What stands behind "as" before a query that is used several times: whether its rows are kept, or it is a part of each that uses it. #}
{% macro materialized(is_kept=true) -%}
    {{ return(adapter.dispatch('materialized', 'leadloop')(is_kept)) }}
{%- endmacro %}

{% macro default__materialized(is_kept) -%}
    {{ 'materialized' if is_kept else 'not materialized' }}
{%- endmacro %}

{% macro spark__materialized(is_kept) -%}{%- endmacro %}

{# The text of an entry of a JSON object, by a literal of its name. #}
{% macro json_entry(object, name) -%}
    {{ return(adapter.dispatch('json_entry', 'leadloop')(object, name)) }}
{%- endmacro %}

{% macro default__json_entry(object, name) -%}
    (cast({{ object }} as json) ->> {{ name }})
{%- endmacro %}

{% macro spark__json_entry(object, name) -%}
    from_json({{ object }}, 'map<string,string>')[{{ name }}]
{%- endmacro %}
