{# Redshift's SQL of what macros/values has for every engine. Not yet run against the service: see docs/engines.md of leadloop. #}

{% macro redshift__blanks() -%}{{ leadloop.spark__blanks() }}{%- endmacro %}

{# By itself, a text has 256 bytes there. A decimal is one digit short of what is left when two of them are taken from each other. #}
{% macro redshift__sql_type(name) -%}
    {{ return({'text': 'varchar(65535)', 'decimal(38, 18)': 'decimal(36, 18)'}.get(name, name)) }}
{%- endmacro %}

{# A backslash begins an escape there. #}
{% macro redshift__literal(text) -%}
    '{{ text | replace("\\", "\\\\") | replace("'", "''") }}'
{%- endmacro %}

{# current_timestamp is for statements that read no table. getdate() is in the session's zone, and so is the cast. #}
{% macro redshift__now() -%}cast(getdate() as timestamptz){%- endmacro %}

{# There is no "is distinct from". #}
{% macro redshift__differs(one, other) -%}
    (
        case
            when {{ one }} = {{ other }} then false
            when {{ one }} is null and {{ other }} is null then false
            else true
        end
    )
{%- endmacro %}

{# decode takes NULL for the same as NULL. Blanks at the end of a text don't count there when it is compared, unless something comes after. #}
{% macro redshift__texts_differ(one, other) -%}
    (decode({{ one }} || '.', {{ other }} || '.', 0, 1) = 1)
{%- endmacro %}

{% macro redshift__texts_alike(one, other) -%}
    (decode({{ one }} || '.', {{ other }} || '.', 0, 1) = 0)
{%- endmacro %}

{% macro redshift__texts_equal(one, other) -%}
    {{ one }} || '.' = {{ other }} || '.'
{%- endmacro %}

{# substr is for statements that read no table. #}
{% macro redshift__part_of(text, first, length) -%}
    substring({{ text }}, {{ first }}{{ ', ' ~ length if length is not none }})
{%- endmacro %}

{% macro redshift__matches(value, pattern) -%}
    {{ value }} ~ {{ leadloop.literal(pattern) }}
{%- endmacro %}

{# All are replaced there; every pattern here matches once. Whether a replacement may name a part of what was found, the documentation does
   not say: what would need that is written in another way. #}
{% macro redshift__replaced(value, pattern, plain) -%}
    {%- if modules.re.search('\\\\[0-9]', plain) -%}
        {%- do exceptions.raise_compiler_error('leadloop has no SQL for Redshift that replaces by parts of what was found: ' ~ pattern) -%}
    {%- endif -%}
    regexp_replace({{ value }}, {{ leadloop.literal(pattern) }}, {{ leadloop.literal(plain) }})
{%- endmacro %}

{% macro redshift__digits_of(value) -%}{{ leadloop.spark__digits_of(value) }}{%- endmacro %}

{% macro redshift__stripped(value, characters, side) -%}
    {{ {'both': 'btrim', 'leading': 'ltrim', 'trailing': 'rtrim'}[side] }}({{ value }}, {{ characters }})
{%- endmacro %}

{# The condition may be looked at after the text, and a blank text is an error even so. #}
{% macro redshift__read_as(text, type) -%}
    try_cast(nullif({{ text }}, '') as {{ leadloop.sql_type(type) }})
{%- endmacro %}

{% macro redshift__materialized(is_kept) -%}{%- endmacro %}

{# NULL for what is no JSON. #}
{% macro redshift__json_entry(object, name) -%}
    json_extract_path_text({{ object }}, {{ name }}, true)
{%- endmacro %}

{% macro redshift__minutes_before(time, minutes) -%}
    dateadd(minute, -({{ minutes }}), {{ time }})
{%- endmacro %}

{% macro redshift__has_rows(query) -%}
    (select count(*) > 0 from ({{ query }} limit 1) as found)
{%- endmacro %}

{# concat takes two texts there, and a text has 65,535 bytes: so the hashes of the columns are what is joined. #}
{% macro redshift__content_hash(columns) -%}
    md5(
        {%- for column in columns | sort %}
        {{ '|| ' if not loop.first }}coalesce(md5('{{ column }}=' || md5({{ leadloop.quoted(column) }})), '')
        {%- endfor %}
    )
{%- endmacro %}

{# No function tells the type of a value there, but the catalog tells that of a column. #}
{% macro redshift__types_there(relation) -%}
    {%- set found = {} -%}
    {%- if execute -%}
        {%- for name, type in run_query(leadloop.redshift_columns(relation, 'column_name, data_type')).rows -%}
            {%- do found.update({name | lower: type | lower}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}

{% macro redshift__select_columns_of(relation) -%}{{ leadloop.redshift_columns(relation, 'column_name') }}{%- endmacro %}

{# svv_columns has the columns of late-binding views as well. #}
{% macro redshift_columns(relation, told) -%}
    select {{ told }}
    from svv_columns
    where
        table_catalog = {{ leadloop.literal(relation.database or target.database) }}
        and lower(table_schema) = lower({{ leadloop.literal(relation.schema) }})
        and lower(table_name) = lower({{ leadloop.literal(relation.identifier) }})
    order by ordinal_position
{%- endmacro %}

{# By the type of its column; a column of which the catalog says nothing is taken for a text. #}
{% macro redshift__as_text(value, type=none) -%}
    {%- set type = type or '' -%}
    {%- set text = 'cast(' ~ value ~ ' as ' ~ leadloop.sql_type('text') ~ ')' -%}
    {%- if type.startswith('numeric') or type.startswith('decimal') -%}
        {{ leadloop.redshift_without_zeros(text) }}
    {%- elif type.startswith('double') or type.startswith('real') or type.startswith('float') -%}
        {{ leadloop.redshift_float(value, text) }}
    {%- elif type.startswith('boolean') -%}
        {{ leadloop.truth_as_text(value) }}
    {%- elif type.startswith('timestamp with time zone') or type.startswith('timestamptz') -%}
        {{ leadloop.micros_text("timezone('UTC', " ~ value ~ ')') }} || '+00'
    {%- elif type.startswith('timestamp') -%}
        {{ leadloop.micros_text(value) }}
    {%- elif type.startswith('date') -%}
        to_char({{ value }}, 'YYYY-MM-DD')
    {%- elif type.startswith('super') -%}
    case when json_typeof({{ value }}) in ('array', 'object') then json_serialize({{ value }}) else {{ text }} end
    {%- else -%}
        {{ text }}
    {%- endif -%}
{%- endmacro %}

{% macro redshift_without_zeros(text) -%}
    case when {{ text }} like '%.%' then rtrim(rtrim({{ text }}, '0'), '.') else {{ text }} end
{%- endmacro %}

{# A whole number below 1e38 is written out. #}
{% macro redshift_float(value, text) -%}
    case
        when {{ leadloop.matches(text, '^-?[0-9]([.][0-9]+)?e[+]([012][0-9]|3[0-7])$') }}
            then cast(cast({{ value }} as decimal(38, 0)) as {{ leadloop.sql_type('text') }})
        when {{ text }} in ('-0', '-0.0') then '0'
        when {{ text }} like '%e%' then {{ text }}
        when {{ text }} like '%.%' then rtrim(rtrim({{ text }}, '0'), '.')
        else {{ text }}
    end
{%- endmacro %}

{# A list's type ends in [], as it does elsewhere: a plan goes by that. #}
{% macro redshift__unsendable(value, type=none) -%}
    {%- set type = type or '' -%}
    {%- set text = 'cast(' ~ value ~ ' as ' ~ leadloop.sql_type('text') ~ ')' -%}
    {%- if type.startswith('double') or type.startswith('real') or type.startswith('float') -%}
    case when {{ text }} in ('NaN', 'Infinity', '-Infinity') then '{{ type }} ' || {{ text }} end
    {%- elif type.startswith('super') -%}
    case json_typeof({{ value }}) when 'array' then 'super[]' when 'object' then 'super' end
    {%- elif modules.re.match('varbyte|varbinary|binary|geometry|geography|hllsketch', type) -%}
    case when {{ value }} is not null then {{ leadloop.literal(type) }} end
    {%- else -%}
    cast(null as {{ leadloop.sql_type('text') }})
    {%- endif -%}
{%- endmacro %}

{# Whether the day exists is looked at before the text is read as a time. #}
{% macro redshift__wall_clock(value) -%}
    {%- set year, month, day = leadloop.part_of(value, 1, 4), leadloop.part_of(value, 6, 2), leadloop.part_of(value, 9, 2) -%}
    case
        when {{ leadloop.matches(value, leadloop.time_shape()) }} and {{ year }} between '1900' and '9998'
            and {{ month }} between '01' and '12' and {{ day }} between '01' and '31'
            then case
                when {{ leadloop.read_as(day, 'integer') }}
                    <= extract(day from last_day({{ leadloop.read_as(leadloop.part_of(value, 1, 7) ~ " || '-01'", 'date') }}))
                    then {{ leadloop.read_as(leadloop.plain_time(value), 'timestamp') }}
            end
    end
{%- endmacro %}

{# Both from one clock to UTC's: what the session's zone is, counts for neither. #}
{% macro redshift__zoned(wall_clock, zone, zones) -%}
    timezone('UTC', {{ wall_clock if zone == "'UTC'" else 'convert_timezone(' ~ zone ~ ", 'UTC', " ~ wall_clock ~ ')' }})
{%- endmacro %}

{% macro redshift__clock_in(zone, moment) -%}
    convert_timezone('UTC', {{ zone }}, timezone('UTC', {{ moment }}))
{%- endmacro %}

{# Redshift takes no value from the row around a subquery that joins nothing with it. #}
{% macro redshift__with_times(query, names, zones) -%}
    {{ return(leadloop.duckdb__with_times(query, names, zones)) }}
{%- endmacro %}
