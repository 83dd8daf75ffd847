{# A push: what should differ in the CRM, one row per lead and field. A model that calls this macro is a push; `leadloop plan`
   shows its rows to a person, `leadloop push` sends them.

       {{ leadloop.push(
           desired = ref('lead_scores'),
           crm = 'my_crm',
           key = 'lead_id',
           fields = {'lead_score': 'score', 'title': 'tier'},
           on_conflict = 'crm_wins',
           max_changes = 500
       ) }}

   Every option is given by its name. These have to be given:

   desired       the relation with one row per lead and the values that the CRM should show
   crm           the CRM, by its name in the settings
   key           the column of desired with the lead's id; in the modes that add leads, an id of your own for each row
   fields        field of the CRM -> column of desired; the mode 'delete' has none. A field that has on_conflict, nulls, first_push,
                 equal or tolerance of its own: {'title': {'column': 'tier', 'nulls': 'clear'}}

   These have a default, which stands first:

   mode          'update', 'insert', 'upsert', 'delete': what is done to the lead
   on_conflict   'crm_wins', 'warehouse_wins', 'stop': where somebody edited the field in the CRM since we sent it
   nulls         'keep', 'clear': what a NULL or blank of desired does to the CRM's value
   first_push    'overwrite', 'fill_empty', 'baseline': what becomes of a field that was never sent
   equal         {}, field of the CRM -> how its values are compared: 'digits', 'number', 'html, trim' and more, see docs/push.md
   lead_id       '', for 'upsert' the column of desired that has the CRM's id of the lead, where it is known
   options       {}, for 'insert' and 'upsert' what each call is told besides the lead's fields
   max_changes   5000, the most leads that one push may send; none for no limit, as in all that follow
   max_share     0.2, the largest share of the CRM's leads, 0 to 1
   max_unknown_share  0.5, for 'update' and 'delete' the largest share of the rows of desired whose leads the CRM has never shown
   max_clears    100, the most fields that it may clear
   max_inserts   1000, the most leads that it may add
   max_deletes   100, the most leads that it may delete
   max_found     100, the most leads to be added that the CRM may have already
   confirm       'all', 'sample', 'none': which sent leads are read back
   approval      'none', 'required': whether it sends only plans that a person has approved
   approve_above  none, a number: it sends plans of more leads only if a person has approved them

   push/options.sql checks them and records them in the model's meta, where leadloop finds them. push.yml says the same to
   `dbt docs`, docs/push.md says more. #}
{% macro push(desired=none) -%}
    {%- if varargs -%}
        {%- do leadloop.refuse_push("every option needs its name, as in crm = '" ~ leadloop.crm_names() | first ~ "'") -%}
    {%- endif -%}
    {%- set options = leadloop.push_options(kwargs) -%}
    {%- if desired is none or desired is string -%}
        {%- do leadloop.refuse_push("desired is missing; name the model to send as in desired = ref('lead_scores')") -%}
    {%- endif -%}
    {%- do config(meta={'leadloop_push': options}) -%}
    {%- set leads = leadloop.ref('leadloop', 'leads') -%}
    {%- set memory = leadloop.ref('leadloop', 'int_push_memory') -%}
    {%- set desired = leadloop.without_database(desired) -%}
    {%- if options['mode'] == 'delete' -%}
        {{ leadloop.push_deletions(desired, options, leads, memory) }}
    {%- else -%}
        {{ leadloop.push_diff(desired, options, leads, memory) }}
    {%- endif -%}
{%- endmacro %}
