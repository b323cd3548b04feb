# syntax=docker/dockerfile:1
# One image for every process of Placet; docker-compose.yml says which command each service runs.

FROM python:3.11-slim-bookworm AS build
WORKDIR /app
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
COPY scripts/uv.lock scripts/uv.lock
RUN python -m venv /app/.venv \
    && /app/.venv/bin/python -m pip install --no-cache-dir --quiet --require-hashes -r scripts/uv.lock
ENV VIRTUAL_ENV=/app/.venv UV_NO_CACHE=1
# The lock first: a change of our own code does not install a gigabyte again.
COPY requirements.lock ./
RUN /app/.venv/bin/uv pip sync --quiet --require-hashes --compile-bytecode requirements.lock
COPY client client
RUN /app/.venv/bin/uv pip install --quiet --no-deps --no-build-isolation --offline ./client
COPY manage.py gunicorn.conf.py pyproject.toml ./
COPY governance governance
COPY registry registry
COPY monitoring monitoring
COPY reports reports
COPY templates templates
COPY static static
RUN /app/.venv/bin/python -m compileall -q governance registry monitoring reports

FROM python:3.11-slim-bookworm
# What WeasyPrint loads to lay out the documents (the third changes the bytes of a PDF, so it is not left to chance), and
# what LightGBM counts its threads with.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 libgomp1 \
    && rm -rf /var/lib/apt/lists/*
# A fixed number, so that volumes keep their owner; the folders exist so that new volumes belong to it.
RUN groupadd --gid 10001 placet \
    && useradd --uid 10001 --gid placet --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin placet \
    && install -d -o placet -g placet /data /data/storage /data/environments /data/mlflow /data/anchors /data/notary
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH \
    DJANGO_SETTINGS_MODULE=governance.config.settings \
    PYTHONUNBUFFERED=1 \
    TZ=UTC \
    HOME=/tmp
USER placet
EXPOSE 8000
CMD ["gunicorn", "governance.config.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--worker-class", "gthread", "--threads", "8", "--keep-alive", "65", "--worker-tmp-dir", "/dev/shm"]
