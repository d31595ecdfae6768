# Wherefore as a public page, on a server that needs no model hub.
#   docker build -t wherefore .
#   docker run --rm --memory 4g -p 8501:8501 wherefore
FROM python:3.11-slim

# --build-arg PIP_EXTRA_INDEX_URL=… adds an index, for example one with builds of torch that bring no CUDA.
ARG PIP_EXTRA_INDEX_URL

RUN useradd --create-home --uid 1000 wherefore
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .

# From here on nothing runs as root, and the server cannot change anything under /app.
USER 1000
ENV HOME=/home/wherefore \
    HF_HUB_OFFLINE=1 \
    MALLOC_ARENA_MAX=2 \
    PYTHONUNBUFFERED=1 \
    STREAMLIT_CLIENT_SHOW_ERROR_DETAILS=none \
    STREAMLIT_CLIENT_TOOLBAR_MODE=viewer \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_SERVER_MAX_UPLOAD_SIZE=8 \
    STREAMLIT_SERVER_PORT=8501 \
    TOKENIZERS_PARALLELISM=false \
    WHEREFORE_PROFILE=public
RUN python -m explainers fetch

EXPOSE 8501
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["streamlit", "run", "app.py"]
