{#- How ClickHouse says what `question.sql` is made of (https://clickhouse.com/docs/en/sql-reference/functions), in words that the
    releases from 18.16 on share. Expressions with NULL become text first: '' is what is absent. -#}
{%- macro text(column) -%}ifNull(toString({{ column }}), ''){%- endmacro -%}
{%- macro spelled(value) -%}toString({{ value }}){%- endmacro -%}
{%- macro matches(value, pattern) -%}match({{ value }}, {{ pattern | quote }}){%- endmacro -%}
{%- macro extract(value, pattern) -%}extract({{ value }}, {{ pattern | quote }}){%- endmacro -%}
{%- macro without(value, pattern) -%}replaceRegexpOne({{ value }}, {{ pattern | quote }}, ''){%- endmacro -%}
{%- macro begins(value, text) -%}startsWith({{ value }}, {{ text | quote }}){%- endmacro -%}
{%- macro contains(value, text) -%}(positionCaseInsensitive({{ value }}, {{ text | quote }}) > 0){%- endmacro -%}
{%- macro uses(text) -%}
toUInt64(CASE WHEN match({{ text }}, '^[0-9]+([.][0-9]*)?$') THEN least(toFloat64OrZero({{ text }}), 100000000) ELSE 1 END)
{%- endmacro -%}
{#- Milliseconds of an instant; the half microsecond keeps a fraction that a float cannot hold from losing its millisecond. -#}
{%- macro instant_ms(column) -%}toInt64(ifNull(floor(toFloat64({{ column }}) * 1000 + 0.0005), 0)){%- endmacro -%}
{%- macro number_ms(column, factor) -%}toInt64(ifNull(floor(toFloat64({{ column }}) * {{ factor }} + 0.0005), 0)){%- endmacro -%}
{%- macro instant(ms) -%}toDateTime({{ ms // 1000 }}){%- endmacro -%}
{%- macro day(ms) -%}intDiv({{ ms }}, 86400000){%- endmacro -%}
{%- macro hour_bit(ms) -%}bitShiftLeft(toUInt32(1), toUInt8(intDiv({{ ms }}, 3600000) % 24)){%- endmacro -%}
{%- macro any_bit(value) -%}groupBitOr({{ value }}){%- endmacro -%}
{#- 32 hexadecimal digits of an IPv6 address, which `address` is. -#}
{%- macro digits(address) -%}lower(hex(IPv6StringToNum({{ address }}))){%- endmacro -%}
{%- macro ending() -%}FORMAT TabSeparated{%- endmacro -%}
{#- Keeps the planner from putting the expressions of one level into those of the next, where each would stand many times. -#}
{%- macro as_it_is() -%}{%- endmacro -%}
