{{ config(enabled=false) }}
select * from {{ ref('nothing_of_this_name') }}
