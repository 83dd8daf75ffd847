select
        crm, lead_id,
        cast(field as varchar(65535)) as field
    from (
        select
            crm, lead_id,
            case when can_json_parse(v) then json_parse(v) end as named
        from pairs
    ) as parsed, unpivot parsed.named as entry at field
