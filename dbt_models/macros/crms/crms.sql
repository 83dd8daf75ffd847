{# The CRMs there are: name -> facts, those that come with leadloop and those of the variable leadloop_crms, which leadloop sets
   where another distribution brings a CRM; and the accounts with a name of their own that this warehouse holds, whoever runs
   dbt and whatever is set there. Facts are:

   ids: the raw columns that may hold the lead's id; the first one that isn't blank does.
   times: created_at and modified_at -> the raw column.
   recordings: whether recorded calls are read.
   no_lead_codes: the codes with which the CRM refuses a write to a lead that was removed, where such a lead can come back. #}
{% macro crms() -%}
    {%- set found = dict(leadloop.crms_shipped(), **var('leadloop_crms', {})) -%}
    {%- for name, vendor in leadloop.named_accounts() if vendor in found -%}
        {%- do found.update({name: found[vendor]}) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# (name, CRM) of the accounts with a name of their own, as leadloop noted them with their first leads. #}
{% macro named_accounts() -%}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {%- set accounts = leadloop.own_table('accounts') -%}
    {#- Not columns_of, for which a unit test says what it likes. -#}
    {%- if not leadloop.columns_there(accounts) -%}{{ return([]) }}{%- endif -%}
    {{ return(run_query('select distinct crm, vendor from ' ~ accounts ~ ' where crm <> vendor order by crm').rows) }}
{%- endmacro %}

{% macro crm_names() -%}
    {{ return(leadloop.crms() | list) }}
{%- endmacro %}

{# A raw table of a CRM. Those of the CRMs that come with leadloop are sources, so that dbt knows what the models stand on;
   with the variable leadloop_read, a list of their names, only those in it. #}
{% macro raw_table(crm, table) -%}
    {%- if crm in leadloop.crms_shipped() and crm in var('leadloop_read', leadloop.crms_shipped()) -%}
        {{ return(leadloop.source(crm ~ '_raw', table)) }}
    {%- endif -%}
    {{ return(leadloop.table_in(crm ~ '_raw', table)) }}
{%- endmacro %}

{# For a source's freshness: when leads were last read. A window in which nobody edited a lead brings no row and is noted in
   leadloop.reads; a CRM that was never read has nothing that could be stale. #}
{% macro last_seen(relation) -%}
    {%- set reads = leadloop.own_table('reads') -%}
    select coalesce(max(seen_at), {{ leadloop.now() }}) as last_seen_at
    from (
        {%- if leadloop.columns_of(relation) %}
        select max(leadloop_seen_at) as seen_at from {{ relation }}
        {%- else %}
        select cast(null as {{ leadloop.sql_type('timestamptz') }}) as seen_at
        {%- endif %}
        {%- if leadloop.columns_of(reads) %}
        union all
        select max(noted_at) as seen_at
        from {{ reads }}
        where
            crm = {{ leadloop.literal(relation.schema[:-4]) }}
            and stream = {{ leadloop.literal(relation.identifier) }}
            and outcome = 'whole'
        {%- endif %}
    ) as seen
{%- endmacro %}

{# The CRMs from which leads were read: name, raw table, facts, and fields: raw column -> column of leads. #}
{% macro crms_read() -%}
    {%- set found = [] -%}
    {%- set crms = leadloop.crms() -%}
    {%- for name in leadloop.crm_names() -%}
        {%- set leads = dict(crms[name], crm=name, raw=leadloop.raw_table(name, 'lead_versions')) -%}
        {%- set columns = leadloop.columns_of(leads['raw']) -%}
        {%- if leads['ids'] | select('in', columns) | list -%}
            {%- do found.append(dict(leads, columns=columns, fields=leadloop.staged_fields(leads, columns))) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# The codes with which a CRM refuses a write to a lead that was removed, where such a lead can come back under its id. #}
{% macro no_lead_codes(crm) -%}
    {{ return(leadloop.crms().get(crm, {}).get('no_lead_codes', [])) }}
{%- endmacro %}
