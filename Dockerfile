# Attend in a container: `make image`, then `docker run -p 8501:8501 -v attend-data:/data attend`.
# The first stage makes the model files, which takes PyTorch once; the second runs without it.
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS models
WORKDIR /srv/attend
COPY requirements-models.txt ./
RUN python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-models.txt
COPY params.yaml ./
COPY attendance ./attendance
# FaceNet's weights are fetched where the build has a network; without one dlib's ResNet is what recognises.
RUN ATTEND_STORE_URL=sqlite:////tmp/build.db ATTEND_MODEL_DIR=/models ATTEND_ACCELERATE=false NUMBA_CACHE_DIR=/tmp/numba \
    python -m attendance models --prepare && find /models \( -name '*.lock' -o -name '*.pt' \) -delete

FROM ${PYTHON} AS packages
COPY requirements-image.txt /
RUN python -m venv /venv \
    && /venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /requirements-image.txt \
    && /venv/bin/python -m pip uninstall --yes --quiet pip setuptools \
    && rm -f /venv/lib/python3*/site-packages/pyarrow/*flight* \
    && find /venv -type d \( -name tests -o -name __pycache__ -o -path '*/pyarrow/include'  \) -prune -exec rm -rf {} +

FROM ${PYTHON} AS system
RUN useradd --uid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin attend \
    && install -d -o attend -g attend /data \
    && rm -rf /var/cache/apt/* /var/lib/apt/lists/* /var/log/* /usr/share/doc/* /usr/share/man/*

# From nothing, so that what was removed is really gone, and that a base image made from a folder does not leave that folder's
# rights on the root, which would shut out everybody but root.
FROM scratch
LABEL org.opencontainers.image.title="Attend" \
      org.opencontainers.image.description="Face attendance at a webcam" \
      org.opencontainers.image.licenses="MIT"
COPY --from=system / /
COPY --from=packages /venv /venv
COPY --from=models /models /models
WORKDIR /srv/attend
COPY .streamlit ./.streamlit
COPY attend_app.py mlflow_utils.py params.yaml ./
COPY attendance ./attendance
# The root may be read-only: whatever is written goes below /data. The compiled detector is kept there too, for it fits one
# kind of processor; until it is made, at the first start, ONNX Runtime finds the faces.
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    TMPDIR=/data/tmp \
    NUMBA_CACHE_DIR=/data/cache/numba \
    ATTEND_STORE_URL=sqlite:////data/attendance.db \
    ATTEND_MODEL_DIR=/models \
    ATTEND_MODEL_KEEP_DIR=/data/models \
    ATTEND_OFFLINE=true \
    ATTEND_OPEN_BROWSER=false
USER attend
VOLUME /data
EXPOSE 8501
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/healthz', timeout=4)"]
# `exec`, so that the server itself gets the signal to stop and finishes what is at work.
CMD ["sh", "-c", "mkdir -p /data/tmp && exec streamlit run attend_app.py --server.port 8501 --server.address 0.0.0.0"]
