{# The names of a relation's columns, in their order; none for a relation that isn't there (yet), so that a warehouse
   into which nothing was read gives empty models instead of errors. In a model that uses a field of the CRM only where the
   account has it:

       {%- set there = leadloop.columns_of(ref('leads')) -%}
       select lead_id{{ ', email' if 'email' in there }} from {{ ref('leads') }}

   relation: what ref() or source() gives.

   The catalog is asked and not dbt, which keeps a list of the relations that it has seen: while one thread fills it, the
   others find a part of a schema there, and would take a table that is there for one that is not.

   Unit tests override this macro: what they are given is no relation that a database could describe. #}
{% macro columns_of(relation) -%}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {{ return(leadloop.columns_there(relation)) }}
{%- endmacro %}
