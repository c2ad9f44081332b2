# One image for every process; compose and the orchestrator choose the command.
# No Python package is installed without a hash, the build tools included, and they stay behind in the first stage.
# pg_dump and pg_restore, for `apexchainx backup` and `restore`, come from PostgreSQL's own archive, whose key Debian signs for:
# they have to be of the server's major version, and Debian's are older.

FROM python:3.13-slim AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.txt requirements-dev.txt ./
RUN python -m venv /opt/apexchainx \
 && /opt/apexchainx/bin/pip install --require-hashes -r requirements.txt
RUN python -m venv /opt/tools \
 && /opt/tools/bin/pip install --require-hashes -r requirements-dev.txt
COPY pyproject.toml README.md LICENSE ./
COPY domain domain
COPY workflows workflows
COPY adapters adapters
COPY migrations migrations
COPY services services
COPY activities activities
COPY worker worker
COPY api api
COPY cli cli
RUN /opt/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/apexchainx/bin/pip install --no-deps /wheels/apexchainx-*.whl

FROM python:3.13-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates postgresql-common \
 && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
 && apt-get install --yes --no-install-recommends postgresql-client-18 \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --no-create-home apexchainx \
 && install --directory --owner=apexchainx --mode=0700 /backups
COPY --from=build /opt/apexchainx /opt/apexchainx
ENV PATH=/opt/apexchainx/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER apexchainx
EXPOSE 8000
CMD ["apexchainx", "--help"]
