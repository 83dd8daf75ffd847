{% macro refuse_push(sentence) -%}
    {%- set end = "" if sentence.endswith('?') else "." -%}
    {%- do exceptions.raise_compiler_error("push " ~ leadloop.push_name() ~ ": " ~ sentence ~ end) -%}
{%- endmacro %}

{# The name under which the journal knows a push. Unit tests override it: there, the model has the test's name. #}
{% macro push_name() -%}
    {{ return(model.name) }}
{%- endmacro %}

{# "; did you mean ...?" if one of the words shares at least half of its pairs of letters. #}
{% macro did_you_mean(word, words) -%}
    {%- set best = namespace(word=none, score=0.5) -%}
    {%- for candidate in words -%}
        {%- set pairs = leadloop.letter_pairs(candidate) -%}
        {%- set shared = pairs | select('in', leadloop.letter_pairs(word)) | list | length -%}
        {%- set score = 2 * shared / (word | length + candidate | length) -%}
        {%- if score >= best.score -%}
            {%- set best.word = candidate -%}
            {%- set best.score = score -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return("; did you mean " ~ best.word ~ "?" if best.word else "") }}
{%- endmacro %}

{% macro letter_pairs(word) -%}
    {%- set pairs = [] -%}
    {%- for at in range(word | length + 1) -%}
        {%- do pairs.append((' ' ~ word | lower ~ ' ')[at:at + 2]) -%}
    {%- endfor -%}
    {{ return(pairs) }}
{%- endmacro %}
