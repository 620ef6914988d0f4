# The container of the gateway-worker. Build it from the repository's root:
#   docker build -t guildhub-gateway .
FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24-slim
# Session, sequence and outbox live in STATE_DIR: mount a volume there. There is no VOLUME line, because
# Railway does not build an image with one.
ENV NODE_ENV=production \
    PORT=8790 \
    STATE_DIR=/data
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json ./
COPY src/protocol ./src/protocol
COPY gateway-worker ./gateway-worker
RUN mkdir /data && chown node:node /data
EXPOSE 8790
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=4 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT ?? 8790) + '/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Starts as root to take over the volume; the worker itself runs as node (1000).
ENTRYPOINT ["sh", "gateway-worker/container-entry.sh"]
# No npm in between: SIGTERM reaches the process, which closes Discord with a resumable code.
CMD ["node", "gateway-worker/main.ts"]
