import { describe, expect, it } from "vitest";
import { readServerSettings, SERVER_SETTINGS } from "../../../functions/runtime/server-settings.ts";

const read = (environment: Record<string, string>) => () => readServerSettings(environment);

describe("a variable that is a setting but for its spelling", () => {
  it.each([
    ["DATADIR", "DATA_DIR"],
    ["data_dir", "DATA_DIR"],
    ["Data-Dir", "DATA_DIR"],
    ["DATA_DIRECTORY", "DATA_DIR"],
    ["DATADIRECTORY", "DATA_DIR"],
    ["APIKEY", "API_KEY"],
    ["api_key", "API_KEY"],
    ["API_KEYS", "API_KEY"],
    ["LOGLEVEL", "LOG_LEVEL"],
    ["LOG_LEVL", "LOG_LEVEL"],
    ["LOG_LEVELS", "LOG_LEVEL"],
    ["port", "PORT"],
    ["Host", "HOST"],
    ["AWSREGION", "AWS_REGION"],
    ["WEBHOOK_ALLOW_HTTPS", "WEBHOOK_ALLOW_HTTP"],
    ["WEBHOOKS_ALLOW_PRIVATE", "WEBHOOK_ALLOW_PRIVATE"],
    ["SHUTDOWN_GRACE", undefined],
    ["SHUTDOWN_GRACE_SECOND", "SHUTDOWN_GRACE_SECONDS"],
    ["REQUEST_MEMORY_MB", "REQUEST_MEMORY_MIB"],
    ["ACCEPT_DATALOSS", "ACCEPT_DATA_LOSS"],
  ])("is refused: %s for %s", (name, meant) => {
    if (meant === undefined) expect(read({ [name]: "x" })).not.toThrow();
    else expect(read({ [name]: "x" })).toThrow(`${name} is set, and is no setting. Did you mean ${meant}?`);
  });

  it("is left alone where the setting is set too, or where it is empty", () => {
    expect(read({ DATADIR: "/srv/other", DATA_DIR: "/srv/apogee" })().dataDirectory).toBe("/srv/apogee");
    expect(read({ DATADIR: "" })().dataDirectory).toBe("./data");
  });
});

/** What shells, containers, orchestrators, build servers and other programs put beside the settings. */
const REAL = `
_ BASH_ENV COLORTERM DBUS_SESSION_BUS_ADDRESS DISPLAY EDITOR GPG_AGENT_INFO HISTSIZE HOME HOSTNAME HOSTTYPE LANG LANGUAGE LC_ALL LESS LINES
LOGNAME LS_COLORS MACHTYPE MAIL MANPATH NVM_BIN NVM_DIR OLDPWD OSTYPE PAGER PATH PS1 PWD SHELL SHLVL SSH_AUTH_SOCK SSH_CLIENT SSH_TTY SUDO_USER
TEMP TERM TERM_PROGRAM TMP TMPDIR TZ USER USERNAME VISUAL XAUTHORITY XDG_CONFIG_HOME XDG_DATA_DIRS XDG_DATA_HOME XDG_RUNTIME_DIR http_proxy
https_proxy no_proxy ALL_PROXY NO_PROXY SSL_CERT_FILE SSL_CERT_DIR NODE_ENV NODE_OPTIONS NODE_EXTRA_CA_CERTS NODE_PATH UV_THREADPOOL_SIZE
INIT_CWD npm_config_cache npm_config_loglevel npm_config_prefix npm_config_user_agent npm_execpath npm_lifecycle_event npm_package_json
npm_package_name npm_package_version PNPM_HOME YARN_VERSION
KUBERNETES_PORT KUBERNETES_PORT_443_TCP KUBERNETES_PORT_443_TCP_ADDR KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT APOGEE_PORT
APOGEE_PORT_8080_TCP APOGEE_SERVICE_HOST APOGEE_SERVICE_PORT APOGEE_SERVICE_PORT_HTTP POD_NAME POD_IP HOST_IP NODE_NAME
INVOCATION_ID JOURNAL_STREAM LISTEN_FDS LISTEN_PID MAINPID NOTIFY_SOCKET STATE_DIRECTORY RUNTIME_DIRECTORY CACHE_DIRECTORY LOGS_DIRECTORY
CREDENTIALS_DIRECTORY SYSTEMD_EXEC_PID CONTAINER container DOCKER_HOST COMPOSE_PROJECT_NAME
AWS_ACCESS_KEY_ID AWS_CONFIG_FILE AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_DEFAULT_OUTPUT AWS_DEFAULT_REGION AWS_EC2_METADATA_DISABLED
AWS_ENDPOINT_URL_DYNAMODB AWS_ENDPOINT_URL_S3 AWS_ENDPOINT_URL_STS AWS_EXECUTION_ENV AWS_PAGER AWS_PROFILE AWS_ROLE_ARN AWS_SDK_LOAD_CONFIG
AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_WEB_IDENTITY_TOKEN_FILE AWS_IGNORE_CONFIGURED_ENDPOINT_URLS APOGEE_API_KEY
CI GITHUB_ACTIONS GITHUB_REF GITHUB_TOKEN GITLAB_CI JENKINS_URL BUILD_ID BUILD_TAG RUNNER_TEMP RUNNER_OS
APP_KEY API_URL API_HOST API_PORT APP_PORT APP_NAME AUTH_KEY API_VERSION API_TOKEN BUCKET_NAME BUCKETS S3_BUCKET DB_HOST DB_PORT DB_TABLE PGHOST
PGPORT PGDATA MYSQL_HOST REDIS_PORT REDIS_URL DATABASE_URL DATABASE_DIR DATA DATA_ROOT DATA_VOLUME CACHE_DIR LOG_DIR LOG_FILE LOG_PATH LOGGING_LEVEL
RUST_LOG LOGLEVEL_ROOT DEBUG VERBOSE TABLES TABLE_NAME DYNAMODB_TABLE STORES STORE_ID STORE_PATH NX_DAEMON PORTS HOSTS HOST_NAME HOSTALIASES
OTEL_EXPORTER_OTLP_ENDPOINT OTEL_LOG_LEVEL OTEL_SERVICE_NAME DD_API_KEY OPENAI_API_KEY SENTRY_DSN STRIPE_API_KEY WEBHOOK_URL WEBHOOK_SECRET
WEBHOOK_PORT SHUTDOWN_TIMEOUT GRACE_SECONDS MEMORY_LIMIT REQUEST_TIMEOUT
`;

it("no variable of a real environment is taken for one", () => {
  const names = REAL.trim().split(/\s+/);
  expect(read(Object.fromEntries(names.map((name) => [name, "x"])))).not.toThrow();
  expect(
    read(
      Object.fromEntries(
        Object.keys(process.env)
          .filter((name) => !isSetting(name))
          .map((name) => [name, "x"]),
      ),
    ),
  ).not.toThrow();
});

const isSetting = (name: string) => Object.values(SERVER_SETTINGS).some(({ env }) => env === name);
