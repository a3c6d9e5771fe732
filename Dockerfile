# syntax=docker/dockerfile:1

# What the server needs of node_modules, and nothing else: no tests, no Node from npm (the image has its own).
FROM node:24-slim AS modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/sdk/package.json packages/sdk/
COPY packages/server/package.json packages/server/
RUN npm ci --omit=dev --workspace=@pinchwork/server

FROM node:24-slim
WORKDIR /app
COPY --from=modules /app/node_modules node_modules
COPY package.json LICENSE ./
COPY packages/sdk packages/sdk
COPY packages/server packages/server
# The data, and code that is compiled already, are all that the server writes. 1000 is the user "node" of the image.
RUN mkdir -p /data node_modules/.cache && chown 1000:1000 /data node_modules/.cache

ENV NODE_ENV=production \
    PINCHWORK_HOST=0.0.0.0 \
    PINCHWORK_PORT=8000 \
    PINCHWORK_DATABASE_URL=/data/pinchwork.db
VOLUME /data
EXPOSE 8000
USER 1000:1000

# Whether the process answers. A database that is away is no reason to start it anew: /health/ready tells of that.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PINCHWORK_PORT}/health`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]

# Node itself is the first process, so that SIGTERM reaches it. Other commands: docker run … pinchwork backup /data/b.db
ENTRYPOINT ["node", "/app/packages/server/src/main.ts"]
CMD ["start"]
