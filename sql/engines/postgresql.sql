{#- How PostgreSQL, and what speaks its dialect, says what `question.sql` is made of
    (https://www.postgresql.org/docs/current/functions.html). Expressions with NULL become text first: '' is what is absent. -#}
{%- macro text(column) -%}coalesce({{ column }}::text, ''){%- endmacro -%}
{%- macro spelled(value) -%}({{ value }})::text{%- endmacro -%}
{%- macro matches(value, pattern) -%}({{ value }} ~ {{ pattern | quote }}){%- endmacro -%}
{%- macro extract(value, pattern) -%}coalesce(substring({{ value }} from {{ pattern | quote }}), ''){%- endmacro -%}
{%- macro without(value, pattern) -%}regexp_replace({{ value }}, {{ pattern | quote }}, ''){%- endmacro -%}
{%- macro begins(value, text) -%}starts_with({{ value }}, {{ text | quote }}){%- endmacro -%}
{%- macro contains(value, text) -%}(position({{ text | quote }} in lower({{ value }})) > 0){%- endmacro -%}
{%- macro uses(text) -%}
(CASE WHEN {{ text }} ~ '^[0-9]+([.][0-9]*)?$' THEN least(floor(({{ text }})::numeric), 100000000) ELSE 1 END)::bigint
{%- endmacro -%}
{#- An instant may be infinite or beyond what a number holds, and one row must not make the whole question fail. -#}
{%- macro finite(value) -%}least(greatest(coalesce({{ value }}, 0), -1000000000000000), 1000000000000000){%- endmacro -%}
{%- macro instant_ms(column) -%}floor({{ finite("extract(epoch from " ~ column ~ ")") }} * 1000)::bigint{%- endmacro -%}
{%- macro number_ms(column, factor) -%}floor({{ finite(column ~ "::numeric") }} * {{ factor }})::bigint{%- endmacro -%}
{%- macro instant(ms) -%}to_timestamp({{ ms // 1000 }}){%- endmacro -%}
{%- macro day(ms) -%}({{ ms }} / 86400000){%- endmacro -%}
{%- macro hour_bit(ms) -%}(1 << (({{ ms }} / 3600000) % 24)::int){%- endmacro -%}
{%- macro any_bit(value) -%}bit_or({{ value }}){%- endmacro -%}
{#- 32 hexadecimal digits of an IPv6 address, which `address` is; four bytes of kind and length stand before them. -#}
{%- macro digits(address) -%}substring(encode(inet_send(({{ address }})::inet), 'hex'), 9){%- endmacro -%}
{%- macro ending() -%}{%- endmacro -%}
{#- Keeps the planner from putting the expressions of one level into those of the next, where each would stand many times. -#}
{%- macro as_it_is() -%}OFFSET 0{%- endmacro -%}
