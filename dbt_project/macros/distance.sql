{#- Great-circle distance of two positions in degrees, in kilometres (haversine; mean radius of the earth 6371 km). -#}
{% macro kilometres(latitude, longitude, other_latitude, other_longitude) -%}
    2 * 6371 * asin(least(1, sqrt(
        pow(sin(radians({{ other_latitude }} - {{ latitude }}) / 2), 2)
        + cos(radians({{ latitude }})) * cos(radians({{ other_latitude }}))
        * pow(sin(radians({{ other_longitude }} - {{ longitude }}) / 2), 2)
    )))
{%- endmacro %}
