-- Accounts of the CRM that a person said are one with another account, and which is kept.
{{ kept_ids('ACCOUNT', 'customer_id', ref('stg_network__customers')) }}
