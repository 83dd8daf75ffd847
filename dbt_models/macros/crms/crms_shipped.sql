{# Made by `make docs` from connector/crm/; edits here are lost. The CRMs that come with leadloop. #}
{% macro crms_shipped() -%}
    {{ return({
        'convoso': {'ids': ['id', 'lead_id'], 'times': {'created_at': 'created_at', 'modified_at': 'modified_at'}, 'recordings': True, 'calls': True, 'no_lead_codes': ['6001', '6071']},
        'leadsquared': {'ids': ['prospect_id'], 'times': {'created_at': 'created_on', 'modified_at': 'modified_on'}, 'recordings': False, 'calls': False, 'no_lead_codes': []},
        'pollybot': {'ids': ['id'], 'times': {'created_at': 'created_at', 'modified_at': 'updated_at'}, 'recordings': False, 'calls': False, 'no_lead_codes': []},
        'leadping': {'ids': ['id'], 'times': {'created_at': 'created_at', 'modified_at': 'modified_at'}, 'recordings': False, 'calls': False, 'no_lead_codes': []}
    }) }}
{%- endmacro %}
