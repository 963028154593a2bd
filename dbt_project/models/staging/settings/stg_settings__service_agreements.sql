-- Agreements as configured, of the customer and the places that are kept where two are said to be one.
with agreements as (
    select * from {{ source('settings', 'service_agreements') }}
),

of_kept_customers as (
    {{ with_kept('agreements', 'customer_id', ['customer_id'], 'tenant_id') }}
)

{{ with_kept('of_kept_customers', 'facility_id', ['origin_facility_id', 'destination_facility_id'], 'tenant_id') }}
