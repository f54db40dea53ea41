# The service in one container: SQLite inside, one volume, no root.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY governance governance
COPY audit audit
COPY reports reports
COPY policies policies
RUN python -m venv /opt/governance \
 && /opt/governance/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
 && /opt/governance/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /data --create-home governance
COPY --from=build /opt/governance /opt/governance
ENV PATH=/opt/governance/bin:$PATH GOVERNANCE_WORKSPACE=/data/workspace PYTHONUNBUFFERED=1
USER governance
VOLUME /data
EXPOSE 8321
# Readiness, not liveness: an instance that cannot record must not be sent decisions.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8321/readyz', timeout=2)"]
# Make the workspace once: docker run --rm -it -v governance:/data IMAGE init /data/workspace
# Keys travel with every request, so an address beyond loopback needs TLS: set server.tls_cert and
# server.tls_key in the workspace's config.toml, or server.behind_tls_proxy = true behind a proxy.
ENTRYPOINT ["governance"]
CMD ["serve", "--host", "0.0.0.0"]
