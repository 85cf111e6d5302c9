# One image for `hitl worker` and `hitl serve`, with the reference project in /project.
# Mount another project over /project, or build FROM this image and copy yours there.

FROM python:3.11.16-slim-trixie AS base

FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# Dependencies first: they change less often than the source, so the layer is kept.
COPY requirements-build.txt requirements-runtime.txt ./
RUN python -m venv --without-pip /opt/hitl \
 && pip --python /opt/hitl/bin/python install --require-hashes --only-binary :all: -r requirements-runtime.txt \
 && pip install --require-hashes --only-binary :all: -r requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY src/ src/
RUN pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /dist . \
 && pip --python /opt/hitl/bin/python install --no-deps --no-index /dist/*.whl

FROM base AS runtime
LABEL org.opencontainers.image.title="hitl-temporal" \
      org.opencontainers.image.description="Human-in-the-loop automation on Temporal: jobs and people in one flow" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"
# nftables is there for `nft -c`, which checks a ruleset and asks the kernel to do so; its file capability lets the
# unprivileged user ask, if the container was given NET_ADMIN (the worker's is). Its version is Debian's stable one.
# No other program keeps a set-user-id bit.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libcap2-bin nftables \
 && setcap cap_net_admin+ep /usr/sbin/nft \
 && apt-get purge --yes --auto-remove libcap2-bin \
 && rm -rf /var/lib/apt/lists/* \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && groupadd --gid 10001 hitl \
 && useradd --uid 10001 --gid hitl --no-create-home --home-dir /var/lib/hitl --shell /usr/sbin/nologin hitl \
 && install --directory --owner hitl --group hitl --mode 0700 /var/lib/hitl
COPY --from=build /opt/hitl /opt/hitl
COPY deploy/health.py /opt/hitl/health.py
# The project's settings are in `[tool.hitl]` of its pyproject.toml.
COPY pyproject.toml /project/
COPY workflows/ /project/workflows/
COPY activities/ /project/activities/
ENV PATH=/opt/hitl/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HITL_PROJECT=/project \
    HITL_STATE=/var/lib/hitl \
    HITL_HTTP_HOST=0.0.0.0 \
    HITL_HTTP_PORT=8080
WORKDIR /project
# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
EXPOSE 8080
# For the default command; a container that runs `hitl worker` asks `health.py worker` instead.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 CMD ["python", "/opt/hitl/health.py", "http"]
ENTRYPOINT ["hitl"]
CMD ["serve"]
