select row_number() over (partition by crm, field order by coalesce(sequence_number, 0) desc, recorded_at desc, seq desc, run_id desc) as told from given
