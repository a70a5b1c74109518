{#- What is asked of an engine that keeps the log: the evidence of one slice of time, classified and counted (analysis::question).

    The innermost SELECT reads the table once and groups by what repeats, so that a cluster runs it in parallel and merges
    groups. What costs more is done once for each group: names are put in order, the place and the client are recognised, the
    rules decide, and what has become equal is counted together. All columns are text, '' is what is absent, so that the
    answers of all engines are read alike. -#}
{%- import "dialect" as e -%}
{%- set octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])" -%}
{%- set v4 = octet ~ "(?:[.]" ~ octet ~ "){3}" -%}
{%- set h = "[0-9A-Fa-f]{1,4}" -%}
{%- set v6 = "^((" ~ h ~ ":){7}" ~ h ~ "|(" ~ h ~ ":){1,7}:|(" ~ h ~ ":){1,6}:" ~ h ~ "|(" ~ h ~ ":){1,5}(:" ~ h ~ "){1,2}|("
    ~ h ~ ":){1,4}(:" ~ h ~ "){1,3}|(" ~ h ~ ":){1,3}(:" ~ h ~ "){1,4}|(" ~ h ~ ":){1,2}(:" ~ h ~ "){1,5}|" ~ h ~ ":(:" ~ h
    ~ "){1,6}|:((:" ~ h ~ "){1,7}|:)|::[Ff]{4}:" ~ v4 ~ ")$" -%}

{#- Texts, '' where there is no such column; `-` is how logs write nothing. -#}
{%- macro raw(field) -%}{% if field in columns %}{{ e.text(columns[field]) }}{% else %}''{% endif %}{%- endmacro -%}
{%- macro trimmed(value) -%}{{ e.without(e.without(value, "^[ \t\r\n]+"), "[ \t\r\n]+$") }}{%- endmacro -%}
{%- macro is_there(value) -%}NOT {{ e.matches(value, "^[ \t\r\n]*-?[ \t\r\n]*$") }}{%- endmacro -%}
{%- macro present(field) -%}
{% if field in columns %}CASE WHEN {{ is_there("k_" ~ field) }} THEN {{ trimmed("k_" ~ field) }} ELSE '' END{% else %}''{% endif %}
{%- endmacro -%}
{%- macro listed(texts) -%}{% for text in texts %}{{ text | quote }}{{ ", " if not loop.last }}{% else %}'-'{% endfor %}{%- endmacro -%}

{#- Instants, in milliseconds; `factor` where the column holds a number. -#}
{%- macro ms_of(field) -%}
{% if factor %}{{ e.number_ms(columns[field], factor) }}{% else %}{{ e.instant_ms(columns[field]) }}{% endif %}
{%- endmacro -%}
{%- set ms = ms_of("time") -%}
{%- macro bound(at) -%}{% if factor %}{{ at // factor }}{% else %}{{ e.instant(at) }}{% endif %}{%- endmacro -%}
{%- set last_ms -%}
{% if "until" in columns -%}
CASE WHEN {{ ms_of("until") }} > {{ ms }} THEN least({{ ms_of("until") }}, {{ e.day(ms) }} * 86400000 + 86399999) ELSE {{ ms }} END
{%- else %}{{ ms }}{% endif %}
{%- endset -%}
{%- set uses -%}{% if "uses" in columns %}{{ e.uses(raw("uses")) }}{% else %}1{% endif %}{%- endset -%}

{#- A path may be a URL, or the host that a tunnel leads to; either outranks a column of hosts. Of a path is kept what tells the
    place and the operation. -#}
{%- set url = "^[A-Za-z][A-Za-z0-9+.-]*://" -%}
{%- set ours = "((?:(?:api|ssh|altssh)[.])?bitbucket[.]org(?::[0-9]*)?)$" -%}
{%- set path = e.without(e.without(raw("path"), url ~ "[^/?#]*"), "^" ~ ours) -%}
{%- set path_host = e.extract(raw("path"), url ~ "(?:[^/?#@]*@)?([^/?#@]+)") -%}
{%- set some_host -%}
lower(CASE WHEN {{ path_host }} <> '' THEN {{ path_host }}
    WHEN {{ e.matches(raw("path"), "^" ~ ours) }} THEN {{ raw("path") }} WHEN {{ is_there(raw("host")) }} THEN {{ trimmed(raw("host")) }} ELSE {{ host | quote }} END)
{%- endset -%}
{%- set reduced_path -%}
concat(CASE
      WHEN {{ e.matches(path, "^/*[^/?#]*/[^/?#]*/objects/") }} AND NOT {{ e.matches(path, "^/(!?api/)?2[.]0/") }}
        THEN {{ e.extract(path, "^/*[^/?#]*/[^/?#]*/objects/") }}
      ELSE {{ e.extract(path, "^/*[^/?#]*(?:/[^/?#]*){0,4}") }} END,
    CASE WHEN {{ e.matches(path, "^/*[^/?#]*/[^/?#]*/info/lfs[^?#]*/verify([?#]|$)") }} THEN '/verify' ELSE '' END,
    CASE WHEN {{ e.matches(path, "^[^?#]*[?]service=git-receive-pack") }} THEN '?service=git-receive-pack' ELSE '' END)
{%- endset -%}

{#- The address as 32 hexadecimal digits, IPv4 as IPv4-mapped IPv6; what is none is `::`, which is nobody's. -#}
{%- set ip = e.without(trimmed(raw("client_ip")), "/(32|128)$") -%}
{%- set nobody = "00000000000000000000000000000000" -%}
{%- set digits = e.digits("CASE WHEN " ~ e.matches(ip, "^" ~ v4 ~ "$") ~ " THEN concat('::ffff:', " ~ ip ~ ") WHEN "
    ~ e.matches(ip, v6) ~ " THEN " ~ ip ~ " ELSE '::' END") -%}

{#- What a rule asks of a text. -#}
{%- macro test(value, condition) -%}
{%- if condition.verb == "is" -%}{{ value }} IN ({{ listed(condition.texts) }})
{%- else -%}(
{%- for text in condition.texts -%}
{%- if condition.verb == "begins" %}{{ e.begins(value, text) }}
{%- elif condition.verb == "contains" %}{{ e.contains(value, text) }}
{%- else %}{{ e.matches(value, text) }}{% endif %}{{ " OR " if not loop.last }}
{%- endfor -%})
{%- endif -%}
{%- endmacro -%}
{#- What rules ask of a field that no group keeps is answered where the table is read. -#}
{%- macro answered(condition) -%}
{%- if condition.field == "client_ip" -%}
{% if condition.verb == "there" %}{{ digits }} <> '{{ nobody }}'{% else %}{{ test(digits, condition) }}{% endif %}
{%- elif condition.field == "uses" -%}
{% if condition.verb == "there" %}1 = 1{% else %}{{ test(e.spelled(uses), condition) }}{% endif %}
{%- elif condition.field == "until" -%}
{% if "until" in columns %}{{ last_ms }} > {{ ms }}{% else %}1 = 0{% endif %}
{%- else -%}
{%- set whole = e.extract(path, "^[^?#]*(?:[?]service=git-(?:upload|receive)-pack)?") -%}
{%- set value = whole if condition.field == "path" else raw(condition.field) -%}
{{ is_there(value) }}{% if condition.verb != "there" %} AND {{ test(value, condition) }}{% endif %}
{%- endif -%}
{%- endmacro -%}
{%- macro term(asked) -%}
{%- if asked.sign %}substring(k_signs, {{ asked.sign }}, 1) = '{{ asked.holds }}'
{%- elif asked.verb == "there" %}{{ asked.column }} <> ''
{%- elif asked.verb == "absent" %}{{ asked.column }} = ''
{%- else %}{{ asked.column }} <> '' AND {{ test(asked.column, asked) }}{% endif -%}
{%- endmacro -%}

{%- set kept = ["workspace", "repository", "username", "email", "account_id", "user_agent", "scheme", "secret_prefix", "secret_id",
    "auth_type", "token_id", "token_label", "job", "method", "status"] -%}
-- {{ label }}
SELECT
  authentication, {{ e.spelled("k_day") }}, {{ e.spelled("sum(k_lines)") }}, {{ e.spelled("sum(k_uses)") }},
  {{ e.spelled("min(k_first_ms)") }}, {{ e.spelled("max(k_last_ms)") }}, {{ e.spelled(e.any_bit("k_hours")) }},
  rule, outcome, operation, at_window, username, email, account_id, client, origin, host, workspace, repository,
  token_id, token_label, secret_id, unknown_agent, auth_type
FROM (
  -- Of what signs nobody in only the number counts.
  SELECT
    authentication, unknown_agent, s_auth_type AS auth_type, k_day, k_lines, k_uses, k_first_ms, k_last_ms, k_hours,
    {%- for from, to in [("rule", "rule"), ("ruled_outcome", "outcome"), ("operation", "operation"), ("k_window", "at_window"),
        ("s_username", "username"), ("s_email", "email"), ("s_account_id", "account_id"), ("client", "client"), ("s_origin", "origin"),
        ("k_host", "host"), ("s_workspace", "workspace"), ("s_repository", "repository"), ("s_token_id", "token_id"),
        ("s_token_label", "token_label"), ("s_secret_id", "secret_id")] %}
    CASE WHEN authentication = '1' THEN {{ from }} ELSE '' END AS {{ to }}{{ "," if not loop.last }}
    {%- endfor %}
  FROM (
    SELECT *,
      CASE WHEN rule IN ({{ listed(silent) }}) AND names = '' AND (s_status = '401' OR ruled_outcome <> 'rejected') THEN '0'
        ELSE '1' END AS authentication,
      CASE WHEN {{ e.begins("k_ip", "n") }} THEN k_ip
        WHEN s_job <> '' THEN concat('j', s_job)
        WHEN k_ip <> '' AND client IN ({{ listed(interactive) }}) THEN 'r'
        WHEN k_ip <> '' THEN k_ip
        WHEN s_token_label <> '' THEN concat('l', s_token_label) ELSE 'u' END AS s_origin
    FROM (
      SELECT *,
        CASE {% for outcome, rules in outcomes %}WHEN rule IN ({{ listed(rules) }}) THEN '{{ outcome }}' {% else %}WHEN 1 = 0 THEN '' {% endfor %}ELSE outcome END AS ruled_outcome
      FROM (
        SELECT *,
          CASE
            {%- for rule in rules %}
            WHEN {% for asked in rule.terms %}{{ term(asked) }}{{ " AND " if not loop.last }}{% endfor %} THEN '{{ rule.number }}'
            {%- endfor %}
            ELSE '{{ fallback }}' END AS rule
        FROM (
          SELECT *,
            CASE
              WHEN {{ e.matches("s_status", "^[123]") }} THEN 'accepted'
              WHEN s_status = '401' OR (s_status = '410' AND git_path = 'true') THEN 'rejected'
              WHEN s_status = '' AND s_auth_type <> '' THEN 'accepted'
              ELSE 'unknown' END AS outcome,
            CASE WHEN client = 'unknown' THEN {{ e.extract("s_user_agent", "^[^/ (;,]*") }} ELSE '' END AS unknown_agent
          FROM (
            -- Where it went, and with what.
            SELECT *,
              lower(CASE WHEN given_workspace <> '' THEN given_workspace
                WHEN surface = 'git' AND g1 NOT IN ({{ listed(site_pages) }}) THEN g1
                WHEN surface = 'rest' AND r0 IN ('repositories', 'workspaces', 'snippets', 'teams') THEN r1
                WHEN surface = 'rest' AND r0 = 'user' AND r1 = 'workspaces' THEN r2
                WHEN surface = 'ssh' THEN h1 ELSE '' END) AS s_workspace,
              lower(CASE WHEN given_repository <> '' THEN given_repository
                WHEN surface = 'git' AND g1 <> '' AND g1 NOT IN ({{ listed(site_pages) }}) THEN g2
                WHEN surface = 'rest' AND r0 = 'repositories' THEN r2
                WHEN surface = 'ssh' THEN h2 ELSE '' END) AS s_repository,
              CASE
                WHEN surface = 'git' THEN CASE WHEN git_operation <> '' THEN git_operation ELSE 'other' END
                WHEN surface = 'rest' AND s_method IN ('GET', 'HEAD', 'OPTIONS') THEN 'api_read'
                WHEN surface = 'rest' AND s_method IN ('POST', 'PUT', 'PATCH', 'DELETE') THEN 'api_write'
                WHEN surface = 'ssh' AND {{ e.begins("bare", "git-receive-pack ") }} THEN 'git_write'
                WHEN surface = 'ssh' AND {{ e.matches("bare", "^git-upload-(pack|archive) ") }} THEN 'git_read'
                ELSE 'other' END AS operation,
              CASE WHEN surface = 'git' AND git_operation <> '' THEN 'true' ELSE 'false' END AS git_path,
              CASE
                WHEN s_user_agent = '' THEN ''
                {%- for client in clients %}
                WHEN {{ e.matches(client.agent, client.pattern) }} THEN {{ client.id | quote }}
                {%- endfor %}
                ELSE 'unknown' END AS client
            FROM (
              SELECT *,
                CASE
                  WHEN s_scheme = 'ssh' OR by_host = 'ssh' THEN 'ssh'
                  WHEN by_host = 'rest' OR is_root = '1' THEN 'rest'
                  WHEN by_host = 'git' OR git_operation <> '' THEN 'git'
                  WHEN {{ e.begins("bare", "repositories/") }} THEN 'rest'
                  ELSE 'other' END AS surface,
                {{ e.extract("resource", "^([^/?]*)") }} AS r0,
                {{ e.extract("resource", "^[^/?]*[/?]([^/?]*)") }} AS r1,
                {{ e.without(e.extract("resource", "^[^/?]*[/?][^/?]*[/?]([^/?]*)"), "[.]git$") }} AS r2,
                {{ e.extract("argument", "^([^/]*)") }} AS h1,
                {{ e.without(e.extract("argument", "^[^/]*/([^/]*)"), "[.]git$") }} AS h2
              FROM (
                SELECT *,
                  CASE
                    WHEN g1 = '' OR g2 = '' OR g1 IN ({{ listed(site_pages) }}) THEN ''
                    WHEN tail = 'git-receive-pack' THEN 'git_write'
                    WHEN tail = 'info/refs' AND {{ e.matches("k_path", "[?]service=git-receive-pack$") }} THEN 'git_write'
                    WHEN tail IN ('git-upload-pack', 'git-upload-archive', 'info/refs', 'HEAD') THEN 'git_read'
                    WHEN {{ e.begins("tail", "objects/") }} THEN 'git_read'
                    WHEN {{ e.begins("tail", "info/lfs") }} AND (s_method = 'PUT' OR (s_method = 'POST'
                      AND {{ e.matches("tail", "/locks") }} AND NOT {{ e.matches("tail", "/verify$") }})) THEN 'git_write'
                    WHEN {{ e.begins("tail", "info/lfs") }} THEN 'git_read'
                    ELSE '' END AS git_operation
                FROM (
                  SELECT *,
                    {{ e.extract("bare", "^([^/]*)") }} AS g1,
                    {{ e.without(e.extract("bare", "^[^/]*/([^/]*)"), "[.]git$") }} AS g2,
                    {{ e.extract("bare", "^[^/]*/[^/]*/([^?]*)") }} AS tail,
                    CASE WHEN is_root = '1' THEN {{ e.without("k_path", "^/(!?api/)?2[.]0/") }} ELSE bare END AS resource,
                    {{ e.without(e.without(e.without(e.without("bare", "^git-(receive-pack|upload-pack|upload-archive) "),
                        "^['\"]+"), "['\"]+$"), "^/+") }} AS argument,
                    lower(s_user_agent) AS lower_agent,
                    CASE WHEN s_username = '' THEN 'absent' WHEN lower(s_username) IN ({{ listed(reserved) }}) THEN 'reserved'
                      WHEN {{ e.matches("s_username", "@") }} THEN 'email' ELSE 'nickname' END AS username_kind,
                    concat(s_username, s_email, s_account_id, s_scheme, s_secret_prefix, s_secret_id, s_auth_type, s_token_id,
                      s_token_label) AS names
                  FROM (
                    -- Names as they are kept: without what may be a secret, addresses of mail and hosts in lower case.
                    SELECT *,
                      CASE WHEN {{ e.matches("bare_name", "^AT(BB|AT|CT).{8}") }} OR bare_name = '-' THEN ''
                        WHEN s_scheme = 'ssh' AND bare_name = 'git' THEN ''
                        WHEN {{ e.matches("bare_name", "@") }} THEN lower(bare_name) ELSE bare_name END AS s_username,
                      CASE WHEN {{ e.matches("given_prefix", "^AT(BB|AT|CT)") }} THEN substring(given_prefix, 1, 4)
                        ELSE {{ e.extract("given_name", "^(?:[^:]*:)?(AT(?:BB|AT|CT))") }} END AS s_secret_prefix,
                      CASE WHEN present_workspace <> '' THEN present_workspace
                        WHEN {{ e.matches("present_repository", "^/*[^/]+/+[^/]*$") }}
                          THEN {{ e.extract("present_repository", "^/*([^/]+)/") }} ELSE '' END AS given_workspace,
                      {{ e.without(e.without("present_repository", "^.*/"), "[.]git$") }} AS given_repository,
                      CASE
                        WHEN {{ e.matches("k_host", "^(alt)?ssh[.]bitbucket[.]org(:|$)") }} OR k_host = 'bitbucket.org:22' THEN 'ssh'
                        WHEN {{ e.matches("k_host", "^bitbucket[.]org(:|$)") }} THEN 'git'
                        WHEN {{ e.matches("k_host", "^api[.]bitbucket[.]org(:|$)") }} THEN 'rest' ELSE '' END AS by_host,
                      CASE WHEN {{ e.matches("k_path", "^/(!?api/)?2[.]0/") }} THEN '1' ELSE '0' END AS is_root,
                      {{ e.without("k_path", "^/+") }} AS bare
                    FROM (
                      SELECT *,
                        {{ trimmed(e.without(present("username"), ":.*$")) }} AS bare_name,
                        {{ present("username") }} AS given_name,
                        {{ present("secret_prefix") }} AS given_prefix,
                        {{ present("workspace") }} AS present_workspace,
                        {{ e.without(present("repository"), "^([^/:]*://[^/]*/|[^/:]*:)") }} AS present_repository,
                        lower({{ present("email") }}) AS s_email,
                        upper({{ present("method") }}) AS s_method,
                        CASE WHEN lower({{ present("scheme") }}) IN ({{ listed(schemes) }}) THEN lower({{ present("scheme") }})
                          ELSE '' END AS s_scheme,
                        {% for field in ["account_id", "user_agent", "secret_id", "auth_type", "token_id", "token_label", "job"] -%}
                        {{ present(field) }} AS s_{{ field }},
                        {% endfor -%}
                        {#- To a tunnel it is the proxy's answer. #}
                        CASE WHEN upper({{ present("method") }}) = 'CONNECT' THEN ''
                          ELSE {{ e.extract(present("status"), "^([1-5][0-9][0-9])(?:[ .]|$)") }} END AS s_status
                      FROM (
                        SELECT
                          {% for field in kept if field in columns -%}
                          {{ e.text(columns[field]) }} AS k_{{ field }},
                          {% endfor -%}
                          CASE WHEN {{ e.begins(some_host, "altssh.") }} THEN {{ some_host }}
                            ELSE {{ e.without(some_host, ":(443|80)$") }} END AS k_host,
                          {{ reduced_path }} AS k_path,
                          CASE
                            {%- for network in networks %}
                            WHEN {{ e.matches(digits, network.pattern) }} THEN 'n{{ network.number }}'
                            {%- endfor %}
                            WHEN {{ digits }} = '{{ nobody }}' THEN ''
                            WHEN {{ e.begins(digits, "00000000000000000000ffff") }} THEN concat('a', substring({{ digits }}, 25, 6))
                            ELSE concat('a', substring({{ digits }}, 1, 12)) END AS k_ip,
                          concat(''{% for condition in signs %},
                            CASE WHEN {{ answered(condition) }} THEN '1' ELSE '0' END{% endfor %}, '') AS k_signs,
                          {{ e.day(ms) }} AS k_day,
                          CASE {% for window in windows %}WHEN {{ ms }} >= {{ window.from_ms }} AND {{ ms }} < {{ window.to_ms }} THEN '{{ window.kind }}' {% else %}WHEN 1 = 0 THEN '' {% endfor -%}
                            ELSE 'outside' END AS k_window,
                          CASE WHEN {{ ms }} >= {{ removal_ms }} THEN 'after_removal' ELSE 'before_removal' END AS k_time,
                          count(*) AS k_lines, sum({{ uses }}) AS k_uses, min({{ ms }}) AS k_first_ms, max({{ last_ms }}) AS k_last_ms,
                          {{ e.any_bit(e.hour_bit(ms)) }} AS k_hours
                        FROM {{ table }}
                        WHERE {{ columns["time"] }} >= {{ bound(from_ms) }} AND {{ columns["time"] }} < {{ bound(to_ms) }}
                          AND {{ e.matches(some_host, "^$|^" ~ ours) }}
                          {%- if "uses" in columns %}
                          AND {{ uses }} > 0
                          {%- endif %}
                        GROUP BY {% for field in kept if field in columns %}k_{{ field }}, {% endfor %}k_host, k_path, k_ip, k_signs, k_day, k_window, k_time
                      ) AS read {{ e.as_it_is() }}
                    ) AS cut {{ e.as_it_is() }}
                  ) AS named {{ e.as_it_is() }}
                ) AS parted {{ e.as_it_is() }}
              ) AS met {{ e.as_it_is() }}
            ) AS placed {{ e.as_it_is() }}
          ) AS known {{ e.as_it_is() }}
        ) AS asked {{ e.as_it_is() }}
      ) AS ruled {{ e.as_it_is() }}
    ) AS decided {{ e.as_it_is() }}
  ) AS judged
) AS verdicts
GROUP BY authentication, k_day, rule, outcome, operation, at_window, username, email, account_id, client, origin, host, workspace,
  repository, token_id, token_label, secret_id, unknown_agent, auth_type
{{ e.ending() }}
