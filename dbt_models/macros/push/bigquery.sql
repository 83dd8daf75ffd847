{# BigQuery's SQL of what macros/push has for every engine. #}

{# A subquery there can take a value from the row that it stands in, as long as it reads no table: a list of one value is none. #}
{% macro bigquery__taking(value, name, body) -%}
    (select {{ body }} from unnest([{{ value }}]) as {{ name }})
{%- endmacro %}

{% macro bigquery__from_hex(text) -%}
    safe_cast('0x' || {{ text }} as int64)
{%- endmacro %}

{% macro bigquery__may_be_composed(value) -%}
    {{ leadloop.matches(value, '^[^\\x{870}-\\x{8FF}\\x{10000}-\\x{1CFFF}\\x{1E000}-\\x{1EFFF}]*$') }}
{%- endmacro %}

{# Only of a text that has an ampersand. #}
{% macro bigquery__html_decoded(value) -%}
    split({{ value }}, '&')[safe_offset(0)] || (
        select string_agg({{ leadloop.html_part('_part') }}, '' order by _place)
        from unnest(split(substr({{ value }}, strpos({{ value }}, '&') + 1), '&')) as _part with offset as _place
    )
{%- endmacro %}

{% macro bigquery__html_named(name) -%}
    case {{ name }}
        {%- for each, number in leadloop.html_names().items() %} when {{ leadloop.literal(each) }} then {{ number }}{% endfor %} end
{%- endmacro %}

{# regexp_extract_all takes no pattern there that has two groups, and gives the group if it has one. #}
{% macro bigquery_all_of(value, pattern) -%}
    regexp_extract_all({{ value }}, {{ leadloop.bigquery_pattern(pattern | replace('(', '(?:')) }})
{%- endmacro %}

{% macro bigquery__items_sorted(bare) -%}
    (
        select string_agg(distinct _told, ',' order by _told)
        from (
            select {{ leadloop.item_told('_item') }} as _told
            from unnest(
                case
                    when {{ bare }} like '[%'
                        then array(
                            select {{ leadloop.json_text('_found') }}
                            from unnest({{ leadloop.bigquery_all_of(bare, leadloop.json_item()) }}) as _found
                        )
                    else split(regexp_replace({{ bare }}, r'[;,\n]', ';'), ';')
                end
            ) as _item
        ) as _items
        where _told <> ''
    )
{%- endmacro %}

{% macro bigquery__json_units_joined(inner) -%}
    (
        select string_agg({{ leadloop.json_character('_unit') }}, '' order by _place)
        from unnest({{ leadloop.bigquery_all_of(inner, leadloop.json_units()) }}) as _unit with offset as _place
    )
{%- endmacro %}

{% macro bigquery__six_decimals(time) -%}
    format_datetime('%Y-%m-%d %H:%M:%E6S', {{ time }})
{%- endmacro %}

{% macro bigquery__rounded_text(decimal) -%}
    cast({{ decimal }} as string)
{%- endmacro %}
