{# A list of texts, whose order doesn't matter and in which one that stands there twice stands there once: a JSON list, or one with
   semicolons, commas or lines between. NULL for an empty one.

   bare: a text without blanks around it. What begins like a JSON list and is none of single values stays as it is. #}
{% macro in_any_order(bare) -%}
    case
        when {{ bare }} like '[%' and not {{ leadloop.matches(bare, leadloop.json_list()) }} then {{ bare }}
        else {{ leadloop.items_sorted(bare) }}
    end
{%- endmacro %}

{% macro json_item() -%}
    {{ return('("([^"\\\\]|\\\\["\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4})*"|[-+.A-Za-z0-9]+)') }}
{%- endmacro %}

{% macro json_list() -%}
    {%- set blanks = '[ \\t\\n\\r]*' -%}
    {%- set item = leadloop.json_item() ~ blanks -%}
    {{ return('^\\[' ~ blanks ~ '(' ~ item ~ '(,' ~ blanks ~ item ~ ')*)?\\]$') }}
{%- endmacro %}

{% macro json_units() -%}
    {{ return(
        '(\\\\u[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\\\u[0-9a-fA-F]{4}|\\\\[^u]|[^\\\\]+)'
    ) }}
{%- endmacro %}

{# One item of the list as it is compared: what is between two items is not in it as it stands. #}
{% macro item_told(item) -%}
    replace(replace({{ leadloop.trimmed(item) }}, {{ leadloop.literal('\\') }}, {{ leadloop.literal('\\\\') }}), ',', {{ leadloop.literal('\\,') }})
{%- endmacro %}

{% macro items_sorted(bare) -%}
    {{ return(adapter.dispatch('items_sorted', 'leadloop')(bare)) }}
{%- endmacro %}

{% macro default__items_sorted(bare) -%}
    (
        select string_agg(distinct told collate "C", ',' order by told collate "C")
        from (
            select {{ leadloop.item_told('item') }} as told
            from unnest(
                case
                    when {{ bare }} like '[%'
                        then array(
                            select {{ leadloop.json_text('_found.item[1]') }}
                            from regexp_matches({{ bare }}, '{{ leadloop.json_item() }}', 'g') as _found (item)
                        )
                    else regexp_split_to_array({{ bare }}, '[;,' || chr(10) || ']')
                end
            ) as _items (item)
        ) as _told
        where told <> ''
    )
{%- endmacro %}

{% macro duckdb__items_sorted(bare) -%}
    nullif(
        array_to_string(
            list_sort(
                list_distinct(
                    list_filter(
                        list_transform(
                            case
                                when {{ bare }} like '[%'
                                    then list_transform(
                                        regexp_extract_all({{ bare }}, '{{ leadloop.json_item() }}'),
                                        lambda _item: {{ leadloop.json_text('_item') }}
                                    )
                                else regexp_split_to_array({{ bare }}, '[;,' || chr(10) || ']')
                            end,
                            lambda _item: {{ leadloop.item_told('_item') }}
                        ),
                        lambda _told: _told <> ''
                    )
                )
            ),
            ','
        ),
        ''
    )
{%- endmacro %}

{% macro spark__items_sorted(bare) -%}
    nullif(
        array_join(
            array_sort(
                array_distinct(
                    filter(
                        transform(
                            case
                                when {{ bare }} like '[%'
                                    then transform(
                                        regexp_extract_all({{ bare }}, {{ leadloop.spark_pattern(leadloop.json_item()) }}, 0),
                                        _item -> {{ leadloop.json_text('_item') }}
                                    )
                                else split({{ bare }}, '[;,\n]')
                            end,
                            _item -> {{ leadloop.item_told('_item') }}
                        ),
                        _told -> _told <> ''
                    )
                )
            ),
            ','
        ),
        ''
    )
{%- endmacro %}

{# The text of an item of a JSON list. #}
{% macro json_text(item) -%}
    {%- set inner = 'substr(' ~ item ~ ', 2, length(' ~ item ~ ') - 2)' -%}
    case
        when {{ item }} not like '"%' then {{ item }}
        when {{ leadloop.place_of(leadloop.literal('\\'), item) }} = 0 then {{ inner }}
        else {{ leadloop.json_units_joined(inner) }}
    end
{%- endmacro %}

{% macro json_units_joined(inner) -%}
    {{ return(adapter.dispatch('json_units_joined', 'leadloop')(inner)) }}
{%- endmacro %}

{% macro default__json_units_joined(inner) -%}
    (
        select string_agg({{ leadloop.json_character('_found.unit[1]') }}, '' order by _found.place)
        from regexp_matches({{ inner }}, '{{ leadloop.json_units() }}', 'g') with ordinality as _found (unit, place)
    )
{%- endmacro %}

{% macro duckdb__json_units_joined(inner) -%}
    array_to_string(
        list_transform(
            regexp_extract_all({{ inner }}, '{{ leadloop.json_units() }}'),
            lambda _unit: {{ leadloop.json_character('_unit') }}
        ),
        ''
    )
{%- endmacro %}

{% macro spark__json_units_joined(inner) -%}
    array_join(
        transform(
            regexp_extract_all({{ inner }}, {{ leadloop.spark_pattern(leadloop.json_units()) }}, 0),
            _unit -> {{ leadloop.json_character('_unit') }}
        ),
        ''
    )
{%- endmacro %}

{% macro json_character(unit) -%}
    {%- set first, second = leadloop.from_hex('substr(' ~ unit ~ ', 3, 4)'), leadloop.from_hex('substr(' ~ unit ~ ', 9, 4)') -%}
    case
        when substr({{ unit }}, 1, 1) <> {{ leadloop.literal('\\') }} then {{ unit }}
        when substr({{ unit }}, 2, 1) <> 'u'
            then case substr({{ unit }}, 2, 1)
                when 'b' then chr(8)
                when 'f' then chr(12)
                when 'n' then chr(10)
                when 'r' then chr(13)
                when 't' then chr(9)
                else substr({{ unit }}, 2, 1)
            end
        when length({{ unit }}) > 6
            then {{ leadloop.character_of('65536 + (' ~ first ~ ' - 55296) * 1024 + ' ~ second ~ ' - 56320') }}
        else coalesce({{ leadloop.taking(first, '_number', leadloop.character('_number')) }}, {{ unit }})
    end
{%- endmacro %}
