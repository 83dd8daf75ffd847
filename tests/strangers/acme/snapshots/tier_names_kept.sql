{% snapshot tier_names_kept %}
{{ config(unique_key='tier', strategy='check', check_cols=['label']) }}
select * from {{ ref('tier_names') }}
{% endsnapshot %}
