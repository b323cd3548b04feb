"""Settings, all from the environment. Each variable is explained in docs/reference/settings.md."""

import os
from pathlib import Path

from governance.config import environment as env
from governance.config.sign_in import *  # noqa: F403 (settings by name, as Django reads them)
from placet.mlflow_plugin.protection import protected_aliases
from reports.documents.translation import languages

BASE_DIR = Path(__file__).resolve().parents[2]

DEBUG = env.flag("PLACET_DEBUG")
# Only what serves people signs with it; the WSGI application refuses to start on the stand-in.
NO_SECRET_KEY = "not-set: nothing is signed with this"  # noqa: S105 (it says that there is none)
SECRET_KEY = env.secret("PLACET_SECRET_KEY", NO_SECRET_KEY)
BASE_URL = env.text("PLACET_BASE_URL", "http://localhost:8000").rstrip("/")
ALLOWED_HOSTS = env.words("PLACET_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("PLACET_TRUSTED_ORIGINS", BASE_URL)

DEFAULT_EXCEPTION_REPORTER_FILTER = "governance.config.reporting.NoSecrets"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "django_celery_beat",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "governance.common",
    "governance.audit",
    "governance.accounts",
    "governance.regulation",
    "governance.inventory",
    "governance.evidence",
    "governance.policy",
    "governance.approvals",
    "governance.notices",
    "governance.validation",
    "registry",
    "monitoring",
    "reports",
]

MIDDLEWARE = [
    "governance.config.probes.probes_first",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "governance.common.middleware.security_headers",
    "governance.common.middleware.request_id",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "governance.accounts.middleware.locks_logged",
    "governance.accounts.middleware.single_sign_on_ends",
    "governance.accounts.middleware.second_factor_first",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "governance.config.urls"
WSGI_APPLICATION = "governance.config.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "governance.config.context.header",
            ],
        },
    },
]

# One role per process: app serves, owner migrates, notary sequences and signs, privacy erases.
_ROLE_URLS = {
    "app": "DATABASE_URL",
    "owner": "DATABASE_OWNER_URL",
    "notary": "DATABASE_NOTARY_URL",
    "privacy": "DATABASE_PRIVACY_URL",
}
DB_ROLE = env.text("PLACET_DB_ROLE", "app")
DATABASES = {"default": env.database(env.secret(_ROLE_URLS[DB_ROLE], "postgresql://placet_app@127.0.0.1/placet"))}
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["CONN_MAX_AGE"] = 60
# Seconds after which a server that takes no connection is given up, rather than the system's two minutes.
DATABASES["default"]["OPTIONS"].setdefault("connect_timeout", "5")
if {"DATABASE_OWNER_URL", "DATABASE_OWNER_URL_FILE"} & os.environ.keys():
    # Only migrations and the test database ever use it; the runtime processes are not given this variable.
    _owner = env.database(env.secret("DATABASE_OWNER_URL"))
    DATABASES["default"]["OWNER_USER"] = _owner["USER"]
    DATABASES["default"]["OWNER_PASSWORD"] = _owner["PASSWORD"]
if "PLACET_TEST_DATABASE" in os.environ:
    DATABASES["default"]["TEST"] = {"NAME": env.text("PLACET_TEST_DATABASE")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.secret("REDIS_URL", "redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 5},  # seconds that somebody signing in waits
    }
}

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "inbox"
LOGOUT_REDIRECT_URL = "login"
SECOND_FACTOR = env.choice("PLACET_SECOND_FACTOR", ("off", "deciders", "everyone"))
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True  # scripts take the token from the page

# A site reached over https gets the full set; a plain http://localhost would only break itself with it.
if BASE_URL.startswith("https://"):
    SECURE_SSL_REDIRECT = env.flag("PLACET_SSL_REDIRECT", default=True)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = env.whole("PLACET_HSTS_SECONDS", 31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = env.flag("PLACET_HSTS_SUBDOMAINS")
    SECURE_HSTS_PRELOAD = env.flag("PLACET_HSTS_PRELOAD")
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    # The prefix has browsers take them from this very host alone, over https: no other host of the domain sets one.
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
# W005 and W021 want HSTS for all subdomains and browsers' preload lists. Both bind hosts that are not Placet's, and can
# be taken back only after months, so whoever runs those hosts asks for them.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
LOCALE_PATHS = [BASE_DIR / "locale"]

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Served from the source tree with finders: no collect step stands between a checkout and a running page.
WHITENOISE_USE_FINDERS = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "governance.accounts.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "governance.accounts.permissions.HasScope",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "governance.config.openapi.Described",
    "EXCEPTION_HANDLER": "governance.common.problems.exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Placet API",
    "DESCRIPTION": "Governance and audit around the machine-learning lifecycle. A token can request, never decide.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "governance.config.openapi_problems.describe_problems",
    ],
    "ENUM_NAME_OVERRIDES": {
        "RequestStateEnum": "governance.approvals.models.State",
        "StatusEnum": ["valid", "suspended", "revoked", "lapsed"],
        "GateOutputVerdictEnum": ["ALLOW", "HOLD", "BLOCK"],
        "PointStatusEnum": ["inserted", "amended", "deleted"],
        "FindingStateEnum": ["open", "proposed", "closed"],
        "AiActClassEnum": "governance.inventory.models.AISystem.AIActClass",
        "ModificationKindEnum": "governance.inventory.models.Modification.Kind",
        "RiskKindEnum": "governance.inventory.models.Risk.Kind",
        "RiskStateEnum": "governance.inventory.models.Risk.State",
        "CorrespondenceKindEnum": "governance.inventory.models.Correspondence.Kind",
        "CorrespondenceStateEnum": "governance.inventory.models.Correspondence.State",
        "RecordVerdictEnum": "governance.inventory.models.Declaration.Verdict",
        "IncidentStateEnum": "monitoring.incidents.models.Incident.State",
        "HealthStateEnum": ["good", "warn", "unknown", "bad"],
        "LegalHoldKindEnum": "governance.accounts.hold_models.LegalHold.Kind",
        "RetentionStateEnum": ["kept", "due", "held", "disposed", "stays"],
        "BaseKindEnum": "registry.recorded_models.BuildsOn.Kind",
    },
}

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 1800
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# The broker may hand a task out again only after its time limit; quick redelivery is the lease sweep's work.
# A broker that is down must not keep people waiting for it: the sweeps send again what could not be sent.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 2400, "socket_connect_timeout": 1, "socket_timeout": 5}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 2
CELERY_BEAT_SCHEDULE = {
    "sweep-evidence-jobs": {"task": "governance.evidence.tasks.sweep_jobs", "schedule": 5.0},
    # What is live comes first and by itself: fetching a large new version must not keep anybody from looking.
    "watch-aliases": {"task": "registry.tasks.watch_aliases", "schedule": 10.0},
    "check-live-bytes": {"task": "registry.tasks.check_live_bytes", "schedule": 10.0},
    "mirror-registry": {"task": "registry.tasks.mirror_registry", "schedule": 10.0},
    "sweep-alias-changes": {"task": "registry.tasks.sweep_alias_changes", "schedule": 15.0},
    "mark-models": {"task": "registry.tasks.mark_models", "schedule": 10.0},
    "open-renewals": {"task": "registry.tasks.open_renewals", "schedule": 600.0},
    "delete-due-data": {"task": "registry.tasks.delete_due_data", "schedule": 3600.0},
    "sweep-documents": {"task": "reports.tasks.sweep_documents", "schedule": 60.0},
    "sweep-bundles": {"task": "reports.tasks.sweep_bundles", "schedule": 60.0},
    "sweep-disposals": {"task": "reports.tasks.sweep_disposals", "schedule": 86_400.0},
    "renew-time-stamps": {"task": "reports.tasks.renew_time_stamps", "schedule": 86_400.0},
    "watch-live": {"task": "monitoring.tasks.watch_live", "schedule": 30.0},
    "measure-due": {"task": "monitoring.tasks.measure_due", "schedule": 60.0},
    "pull-records": {"task": "monitoring.tasks.pull_records", "schedule": 60.0},
    "take-dropped": {"task": "monitoring.tasks.take_dropped", "schedule": 15.0},
    "call-hooks": {"task": "monitoring.tasks.call_hooks", "schedule": 15.0},
    "sweep-batches": {"task": "monitoring.tasks.sweep_batches", "schedule": 60.0},
    "expire-records": {"task": "monitoring.tasks.expire_records", "schedule": 3600.0},
    "check-guards": {"task": "governance.audit.tasks.check_guards", "schedule": 3600.0},
    "forget-answers": {"task": "governance.accounts.tasks.forget_answers", "schedule": 3600.0},
    "sweep-claims": {"task": "governance.accounts.tasks.sweep_claims", "schedule": 3600.0},
    "sweep-approvals": {"task": "governance.approvals.tasks.sweep_approvals", "schedule": 60.0},
    "read-log-for-notices": {"task": "governance.notices.tasks.make_notices", "schedule": 5.0},
    "deliver-notices": {"task": "governance.notices.tasks.deliver_notices", "schedule": 10.0},
    "notices-by-the-clock": {"task": "governance.notices.tasks.look_ahead", "schedule": 1800.0},
    "sweep-revalidations": {"task": "governance.validation.tasks.sweep_revalidations", "schedule": 86_400.0},
    "sweep-submitted-documents": {"task": "governance.approvals.tasks.sweep_submitted_documents", "schedule": 3600.0},
    "sweep-law-changes": {"task": "governance.approvals.tasks.sweep_law_changes", "schedule": 3600.0},
    "sweep-replays": {"task": "governance.approvals.tasks.sweep_replays", "schedule": 30.0},
}

MLFLOW_TRACKING_URI = env.text("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
MLFLOW_USERNAME = env.text("MLFLOW_TRACKING_USERNAME", "")
MLFLOW_PASSWORD = env.secret("MLFLOW_TRACKING_PASSWORD", "")
MLFLOW_SERVICE_USER = env.text("PLACET_MLFLOW_SERVICE_USER", "placet")
MLFLOW_PUBLIC_URL = env.text("PLACET_MLFLOW_PUBLIC_URL", MLFLOW_TRACKING_URI)
# What MLflow's webhooks are signed with, and where MLflow sends them if not to the address that people use.
WEBHOOK_SECRET = env.secret("PLACET_MLFLOW_WEBHOOK_SECRET", "")
WEBHOOK_URL = env.text("PLACET_MLFLOW_WEBHOOK_URL", f"{BASE_URL}/api/v1/gate/webhooks")
# In hexadecimal, as manage.py harden_mlflow_db made it; without it Placet gives MLflow's database no word.
MLFLOW_WORD_KEY = bytes.fromhex(env.secret("PLACET_MLFLOW_WORD_KEY", ""))
GATE_TOKEN = env.secret("PLACET_GATE_TOKEN", "")
METRICS_TOKEN = env.secret("PLACET_METRICS_TOKEN", "")
DOCUMENT_TIMEOUT_S = env.whole("PLACET_DOCUMENT_TIMEOUT_SECONDS", 300, least=10)
DOCUMENT_LANGUAGE = env.choice("PLACET_DOCUMENT_LANGUAGE", languages())
# The documents' signature, of the worker alone. Without a key they stay unsigned, and their cover says so.
DOCUMENT_KEY = env.text("PLACET_DOCUMENT_KEY", "")
DOCUMENT_CERTIFICATE_FILE = env.text("PLACET_DOCUMENT_CERTIFICATE_FILE", "")
DOCUMENT_TRUST_FILE = env.text("PLACET_DOCUMENT_TRUST_FILE", "")
DOCUMENT_CRL_FILES = env.words("PLACET_DOCUMENT_CRL_FILES")
DOCUMENT_TSA = env.text("PLACET_DOCUMENT_TSA", "")
DOCUMENT_REVOCATION = env.choice("PLACET_DOCUMENT_REVOCATION", ("files", "fetch"))
MAX_DOCUMENT_MB = env.whole("PLACET_MAX_DOCUMENT_MB", 20, least=1)
FILE_UPLOAD_HANDLERS = [
    "governance.common.uploads.BoundedUploads",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
MAX_ARTIFACT_MB = env.whole("PLACET_MAX_ARTIFACT_MB", 2048, least=1)
# Stores that are read without MLflow's server. A location of another kind names the server to connect to, or more.
ARTIFACT_SCHEMES = env.words("PLACET_ARTIFACT_SCHEMES", "s3,gs,wasbs,file")
ARTIFACT_TIMEOUT_S = env.whole("PLACET_ARTIFACT_TIMEOUT_SECONDS", 300, least=1)
REDIGEST_S = env.whole("PLACET_REDIGEST_SECONDS", 900, least=1)
# Whether a model that brings its author's code (a pickle, a python_function) is run, in full isolation, or refused; and
# where models' own environments lie and are made from when a version that matters is not the installed one.
MODEL_CODE = env.choice("PLACET_MODEL_CODE", ("isolated", "refuse"))
MODEL_ENVIRONMENTS = env.text("PLACET_MODEL_ENVIRONMENTS", str(BASE_DIR / "var" / "environments"))
MODEL_INDEX = env.text("PLACET_MODEL_INDEX", "")
PROTECTED_ALIASES = protected_aliases()
CROSSWALK_PACKS = env.words("PLACET_CROSSWALK_PACKS")

_STORAGE = env.storage(
    env.text("PLACET_STORAGE_URL", str(BASE_DIR / "var" / "storage")),
    env.text("PLACET_STORAGE_SPOOL", str(BASE_DIR / "var" / "spool")),
)
STORAGE_ROOT, STORAGE_BUCKET, STORAGE_OPTIONS = _STORAGE.folder, _STORAGE.url, _STORAGE.options
# Where records are pulled from: by name, an address for Ibis or a folder of Parquet. And the folder of dropped files,
# with the service account in whose name they come in.
SOURCES = env.named("PLACET_SOURCE_")
RECORDS_DROP = env.text("PLACET_RECORDS_DROP", "")
RECORDS_DROP_SENDER = env.text("PLACET_RECORDS_DROP_SENDER", "")
LOG_ORIGIN = env.text("PLACET_LOG_ORIGIN", "placet.localhost/audit/1")
LOG_KEY_FILES = list(filter(None, env.text("PLACET_LOG_KEY_FILE", "").split(os.pathsep)))
PERMIT_KEY_FILE = env.text("PLACET_PERMIT_KEY_FILE", "")
MODEL_SIGNING_KEY_FILE = env.text("PLACET_MODEL_SIGNING_KEY_FILE", "")
NOTARY_STATE_DIR = env.text("PLACET_NOTARY_STATE_DIR", str(BASE_DIR / "var" / "notary"))
ANCHOR_DIR = env.text("PLACET_ANCHOR_DIR", str(BASE_DIR / "var" / "anchors"))
ANCHORS = env.urls("PLACET_ANCHORS", "folder:")
TRUST_FILE = env.text("PLACET_TRUST_FILE", str(BASE_DIR / "var" / "keys" / "policy.txt"))

_MAIL = env.mail_server(env.secret("PLACET_EMAIL_URL", ""))
EMAIL_BACKEND = _MAIL.backend
EMAIL_HOST = _MAIL.host
EMAIL_PORT = _MAIL.port
EMAIL_HOST_USER = _MAIL.user
EMAIL_HOST_PASSWORD = _MAIL.password
EMAIL_USE_TLS = _MAIL.starttls
EMAIL_USE_SSL = _MAIL.ssl
EMAIL_TIMEOUT = 20  # seconds for one answer of the server
DEFAULT_FROM_EMAIL = _MAIL.sender

NOTICE_DETAIL = env.choice("PLACET_NOTICE_DETAIL", ("link", "subject"))
# Addresses of people's channels are sealed under it: the web process takes them, the worker sends to them.
NOTICE_KEY = env.secret("PLACET_NOTICE_KEY", "")
# Columns of records that are kept hashed are hashed under it: the web process takes them, commands erase them.
RECORDS_KEY = env.secret("PLACET_RECORDS_KEY", "")
NOTICE_SCHEMES = env.words(
    "PLACET_NOTICE_SCHEMES", "slack,msteams,workflows,gchat,discord,tgram,mmosts,rockets,matrixs,ntfys,jsons"
)
NOTICE_HOSTS = env.words("PLACET_NOTICE_HOSTS")
# Private servers, host:port, that may be the issuer of a workload identity.
WORKLOAD_HOSTS = env.words("PLACET_WORKLOAD_HOSTS")
# Private servers, host:port, that a retraining hook may name.
HOOK_HOSTS = env.words("PLACET_HOOK_HOSTS")

LOG_FORMAT = env.choice("PLACET_LOG_FORMAT", ("plain", "json"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"()": "governance.common.logs.PlainLines"},
        "json": {"()": "governance.common.logs.JsonLines"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": env.text("PLACET_LOG_LEVEL", "INFO")},
    "loggers": {"httpx": {"level": "WARNING"}, "weasyprint": {"level": "WARNING"}, "fontTools": {"level": "WARNING"}},
}
