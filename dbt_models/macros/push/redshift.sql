{# Redshift's SQL of what macros/push has for every engine. #}

{# A subquery there can't take a value from the row that it stands in. So the value is put in wherever its name stands. #}
{% macro redshift__taking(value, name, body) -%}
    {{ return(modules.re.split('\\b' ~ name ~ '\\b', body) | join('(' ~ value ~ ')')) }}
{%- endmacro %}

{% macro redshift__is_same(one, other) -%}{{ leadloop.texts_alike(one, other) }}{%- endmacro %}

{# A boolean is cast to no text there. #}
{% macro redshift__truth_as_text(value) -%}
    case {{ value }} when true then 'true' when false then 'false' end
{%- endmacro %}

{% macro redshift__rounded_text(decimal) -%}
    cast({{ decimal }} as {{ leadloop.sql_type('text') }})
{%- endmacro %}

{% macro redshift__from_hex(text) -%}
    cast(strtol({{ text }}, 16) as integer)
{%- endmacro %}

{# From its sign, what stands before its point and what stands after: see redshift__replaced. #}
{% macro redshift__plain_number(value) -%}
    {%- set bare = "translate(" ~ value ~ ", ',$' || " ~ leadloop.blanks() ~ ", '')" -%}
    {%- set whole = "ltrim(split_part(ltrim(" ~ bare ~ ", '-+'), '.', 1), '0')" -%}
    {%- set decimals = "rtrim(split_part(" ~ bare ~ ", '.', 2), '0')" -%}
    case
        when {{ leadloop.matches(bare, '^[-+]?(0+[.]?0*|[.]0+)$') }} then '0'
        when {{ leadloop.matches(bare, '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$') }}
            then case when {{ bare }} like '-%' then '-' else '' end
                || case when {{ whole }} = '' then '0' else {{ whole }} end
                || case when {{ decimals }} = '' then '' else '.' || {{ decimals }} end
        else {{ leadloop.trimmed(value) }}
    end
{%- endmacro %}

{# The same texts as default__rewritten has a day in front of, in one step each: from the year, the month, the day and what comes after
   them, see redshift__replaced. #}
{% macro redshift__rewritten(text, order) -%}
    {%- set clock = leadloop.clock_shape() -%}
    {%- set months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] -%}
    {%- set month = '(' ~ months | join('|') ~ ')' -%}
    {%- set numbers = "translate(regexp_substr(_bare, '^[0-9/.-]+'), '/.', '--')" -%}
    {%- set after_numbers = leadloop.replaced('_bare', '^[0-9/.-]+', '') -%}
    {%- set parts = [] -%}
    {%- for place in [1, 2, 3] -%}{%- do parts.append('split_part(' ~ numbers ~ ", '-', " ~ place ~ ')') -%}{%- endfor -%}
    {%- set day_first = '^[0-9]{1,2}(st|nd|rd|th)?[ .-]+' ~ month ~ '[ .,-]+[0-9]{4}' -%}
    {%- set month_first = '^' ~ month ~ '[ .]+[0-9]{1,2}(st|nd|rd|th)?,? +[0-9]{4}' -%}
    {%- set year_first = '^[0-9]{4}-' ~ month ~ '-[0-9]{1,2}' -%}
    {%- set year = "regexp_substr(_short, '[0-9]{4}')" -%}
    {%- set written -%}
    case
        when {{ leadloop.matches('_short', day_first ~ clock) }}
            then {{ leadloop.redshift_day(year, leadloop.redshift_month(), "regexp_substr(_short, '^[0-9]{1,2}')") }}
                || {{ leadloop.replaced('_short', day_first, '') }}
        when {{ leadloop.matches('_short', month_first ~ clock) }}
            then {{ leadloop.redshift_day(year, leadloop.redshift_month(), "regexp_substr(_short, '[0-9]{1,2}')") }}
                || {{ leadloop.replaced('_short', month_first, '') }}
        when {{ leadloop.matches('_short', year_first ~ clock) }}
            then {{ leadloop.redshift_day(year, leadloop.redshift_month(), "regexp_substr(" ~ leadloop.part_of('_short', 10) ~ ", '^[0-9]{1,2}')") }}
                || {{ leadloop.replaced('_short', year_first, '') }}
        else {{ text }}
    end
    {%- endset -%}
    {%- set short = namespace(sql='_bare') -%}
    {%- for long, name in [
        ('january', 'jan'), ('february', 'feb'), ('march', 'mar'), ('april', 'apr'), ('june', 'jun'), ('july', 'jul'),
        ('august', 'aug'), ('september', 'sep'), ('sept', 'sep'), ('october', 'oct'), ('november', 'nov'), ('december', 'dec')
    ] -%}
        {%- set short.sql = "replace(" ~ short.sql ~ ", '" ~ long ~ "', '" ~ name ~ "')" -%}
    {%- endfor -%}
    {%- set told -%}
    case
        {%- if order %}
        when {{ leadloop.matches('_bare', '^[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{4}' ~ clock) }}
            then {{ leadloop.redshift_day(parts[2], parts[0 if order == 'mdy' else 1], parts[1 if order == 'mdy' else 0]) }}
                || {{ after_numbers }}
        {%- endif %}
        when {{ leadloop.matches('_bare', '^[0-9]{8}$') }}
            then {{ leadloop.redshift_day(leadloop.part_of('_bare', 1, 4), leadloop.part_of('_bare', 5, 2), leadloop.part_of('_bare', 7, 2)) }}
        when {{ leadloop.matches('_bare', '^[0-9]{4}[/.-][0-9]{1,2}[/.-][0-9]{1,2}' ~ clock) }}
            then {{ leadloop.redshift_day(parts[0], parts[1], parts[2]) }} || {{ after_numbers }}
        when {{ leadloop.matches('_bare', month) }} then {{ leadloop.taking(short.sql, '_short', written) }}
        else {{ text }}
    end
    {%- endset -%}
    {{ return(leadloop.taking(leadloop.replaced(text, '^(mon|tue|wed|thu|fri|sat|sun)[a-z]*,? +', ''), '_bare', told)) }}
{%- endmacro %}

{% macro redshift_day(year, month, day) -%}
    {{ year }} || '-' || lpad({{ month }}, 2, '0') || '-' || lpad({{ day }}, 2, '0')
{%- endmacro %}

{# The number of the first month that is named. #}
{% macro redshift_month() -%}
    {%- set months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] -%}
    {%- set found = namespace(sql="regexp_substr(_short, '(" ~ months | join('|') ~ ")')") -%}
    {%- for each in months -%}
        {%- set found.sql = 'replace(' ~ found.sql ~ ", '" ~ each ~ "', '" ~ ('0' ~ loop.index)[-2:] ~ "')" -%}
    {%- endfor -%}
    {{ return(found.sql) }}
{%- endmacro %}

{% macro redshift__moment_of(_day, _else_text) -%}{%- do leadloop.refuse_on_redshift('time') -%}{%- endmacro %}

{% macro redshift__composed(value) -%}{%- do leadloop.refuse_on_redshift('unicode') -%}{%- endmacro %}

{% macro redshift__html_decoded(value) -%}{%- do leadloop.refuse_on_redshift('html') -%}{%- endmacro %}

{% macro redshift__items_sorted(bare) -%}{%- do leadloop.refuse_on_redshift('list') -%}{%- endmacro %}

{% macro refuse_on_redshift(rule) -%}
    {%- do leadloop.refuse_push('equal has ' ~ rule ~ ', which leadloop does not have in SQL for Redshift yet; leave the rule out') -%}
{%- endmacro %}
