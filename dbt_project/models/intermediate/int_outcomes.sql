{{ touched('shipments', after='touched_moments') }}
{{ outcomes(ref('int_shipments_unioned'), ref('fct_shipments')) }}
