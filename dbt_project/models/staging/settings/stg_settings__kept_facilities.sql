-- Facilities that a person said are one with another facility, and which is kept.
{{ kept_ids('FACILITY', 'facility_id', ref('stg_network__facilities')) }}
