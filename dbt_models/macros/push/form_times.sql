{# Dates and times that are written in other forms, step by step as in connector/push/forms.py. #}

{% macro clock_shape() -%}
    {{ return(
        '([ t]+[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?( ?[ap]m)?( ?(z|utc|gmt|[-+][0-9]{2}(:?[0-9]{2})?))?)?$'
    ) }}
{%- endmacro %}

{# A text with its date as year, month and day in front, where it has the shape of one. order: 'mdy' or 'dmy', which tells the two
   apart where both are numbers, or ''. Most texts have it so already, and no step would change them. #}
{% macro calendar(value, order) -%}
    {%- set found -%}
    case when {{ leadloop.matches('_text', '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ t].*)?$') }} then _text else {{ leadloop.rewritten('_text', order) }} end
    {%- endset -%}
    {{ return(leadloop.taking(leadloop.lowered(leadloop.trimmed(value)), '_text', found)) }}
{%- endmacro %}

{% macro rewritten(text, order) -%}
    {{ return(adapter.dispatch('rewritten', 'leadloop')(text, order)) }}
{%- endmacro %}

{% macro default__rewritten(text, order) -%}
    {%- set clock = leadloop.clock_shape() -%}
    {%- set months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] -%}
    {%- set month = '(' ~ months | join('|') ~ ')' -%}
    {%- set steps = [('^(mon|tue|wed|thu|fri|sat|sun)[a-z]*,? +', '')] -%}
    {%- if order -%}
        {%- do steps.append((
            '^([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})' ~ clock, '\\3-\\1-\\2\\4' if order == 'mdy' else '\\3-\\2-\\1\\4'
        )) -%}
    {%- endif -%}
    {%- set found = namespace(sql=leadloop.stepped(text, steps)) -%}
    {%- for long, short in [
        ('january', 'jan'), ('february', 'feb'), ('march', 'mar'), ('april', 'apr'), ('june', 'jun'), ('july', 'jul'),
        ('august', 'aug'), ('september', 'sep'), ('sept', 'sep'), ('october', 'oct'), ('november', 'nov'), ('december', 'dec')
    ] -%}
        {%- set found.sql = "replace(" ~ found.sql ~ ", '" ~ long ~ "', '" ~ short ~ "')" -%}
    {%- endfor -%}
    {%- set found.sql = leadloop.stepped(found.sql, [
        ('^([0-9]{1,2})(st|nd|rd|th)?[ .-]+' ~ month ~ '[ .,-]+([0-9]{4})' ~ clock, '\\4-\\3-\\1\\5'),
        ('^' ~ month ~ '[ .]+([0-9]{1,2})(st|nd|rd|th)?,? +([0-9]{4})' ~ clock, '\\4-\\1-\\2\\5')
    ]) -%}
    {%- for each in months -%}
        {%- set found.sql = "replace(" ~ found.sql ~ ", '-" ~ each ~ "-', '-" ~ ('0' ~ loop.index)[-2:] ~ "-')" -%}
    {%- endfor -%}
    {{ return(leadloop.stepped(found.sql, [
        ('^([0-9]{4})([0-9]{2})([0-9]{2})$', '\\1-\\2-\\3'),
        ('^([0-9]{4})[/.-]([0-9]{1,2})[/.-]([0-9]{1,2})' ~ clock, '\\1-\\2-\\3\\4'),
        ('^([0-9]{4})-([0-9])-', '\\1-0\\2-'),
        ('^([0-9]{4}-[0-9]{2})-([0-9])([ t]|$)', '\\1-0\\2\\3')
    ])) }}
{%- endmacro %}

{# What is left of a text that calendar gave: its day, or the moment in UTC, and else what there was. #}
{% macro day_of(day, else_text) -%}
    case when {{ leadloop.matches(day, leadloop.day_shape()) }} then {{ leadloop.part_of(day, 1, 10) }} else {{ else_text }} end
{%- endmacro %}

{% macro day_shape() -%}
    {{ return('^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])' ~ leadloop.clock_shape()) }}
{%- endmacro %}

{% macro moment_of(day, else_text) -%}
    {{ return(adapter.dispatch('moment_of', 'leadloop')(day, else_text)) }}
{%- endmacro %}

{% macro default__moment_of(day, else_text) -%}
    {%- set iso = leadloop.stepped(day, [
        ('^(.{10})$', '\\1 00:00:00'),
        ('^(.{10})[ t]+', '\\1 '),
        ('^(.{10}) ([0-9]:)', '\\1 0\\2'),
        ('^(.{10} [0-9]{2}:[0-9]{2})([^:0-9]|$)', '\\1:00\\2'),
        (' ?(utc|gmt|z)$', 'z'),
        (' ([-+][0-9]{2}(:?[0-9]{2})?)$', '\\1'),
        ('^(.{10}) 12(:.*) ?am', '\\1 00\\2am')
    ]) -%}
    case
        when {{ leadloop.matches(day, leadloop.day_shape()) }}
            then coalesce({{ leadloop.taking(iso, '_half', leadloop.moment_of_iso('_half')) }}, {{ else_text }})
        else {{ else_text }}
    end
{%- endmacro %}

{# half: a time in one form but for the half of the day, which may stand after it. #}
{% macro moment_of_iso(half) -%}
    {%- set whole -%}
    case
            when {{ leadloop.matches(half, '^.{10} (0[0-9]|1[01]):.* ?pm.*$') }}
                then substr({{ half }}, 1, 11)
                    || cast({{ leadloop.read_as('substr(' ~ half ~ ', 12, 2)', 'integer') }} + 12 as {{ leadloop.sql_type('text') }})
                    || substr({{ half }}, 14)
            else {{ half }}
        end
    {%- endset -%}
    {%- set whole = leadloop.replaced(whole, ' ?[ap]m', '') -%}
    {%- set shifted = leadloop.minutes_before('_clock', 'coalesce(' ~ leadloop.offset_minutes('_iso', '_clock') ~ ', 0)') -%}
    {{ return(leadloop.taking(
        whole, '_iso', leadloop.taking(leadloop.wall_clock('_iso'), '_clock', leadloop.micros_text(shifted))
    )) }}
{%- endmacro %}

{# A time without a zone as text, with as many decimals as it has. #}
{% macro micros_text(time) -%}
    {{ leadloop.stripped(leadloop.stripped(leadloop.six_decimals(time), "'0'", 'trailing'), "'.'", 'trailing') }}
{%- endmacro %}

{% macro six_decimals(time) -%}
    {{ return(adapter.dispatch('six_decimals', 'leadloop')(time)) }}
{%- endmacro %}

{% macro default__six_decimals(time) -%}
    to_char({{ time }}, 'YYYY-MM-DD HH24:MI:SS.US')
{%- endmacro %}

{% macro duckdb__six_decimals(time) -%}
    strftime({{ time }}, '%Y-%m-%d %H:%M:%S.%f')
{%- endmacro %}

{% macro spark__six_decimals(time) -%}
    date_format({{ time }}, 'yyyy-MM-dd HH:mm:ss.SSSSSS')
{%- endmacro %}
