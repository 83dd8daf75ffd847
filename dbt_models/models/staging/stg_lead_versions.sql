{%- set crms = leadloop.crms_read() -%}
{{ leadloop.staged_leads_of(crms, leadloop.fields_of(crms)) }}
