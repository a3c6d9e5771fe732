# syntax=docker/dockerfile:1

# Only the packages that the server needs: not those of tests, and not the npm package "node" (the image has its own).
FROM node:24-slim AS modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/sdk/package.json packages/sdk/
COPY packages/cli/package.json packages/cli/
COPY packages/web/package.json packages/web/
COPY packages/server/package.json packages/server/
RUN npm ci --omit=dev --ignore-scripts --workspace=@pinchwork/server

# The command line in one file, which the server offers for installation, and the pages for people.
FROM node:24-slim AS client
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/sdk/package.json packages/sdk/
COPY packages/cli/package.json packages/cli/
COPY packages/web/package.json packages/web/
RUN npm ci --omit=dev --ignore-scripts --workspace=pinchwork --workspace=@pinchwork/web
COPY tsconfig.json ./
COPY packages/sdk packages/sdk
COPY packages/cli packages/cli
COPY packages/web packages/web
RUN node packages/sdk/build.ts && node packages/cli/build.ts && node packages/web/build.ts

FROM node:24-slim
WORKDIR /app
COPY --from=modules /app/node_modules node_modules
COPY package.json LICENSE ./
COPY packages/sdk packages/sdk
COPY packages/server packages/server
COPY --from=client /app/packages/cli/dist packages/cli/dist
COPY --from=client /app/packages/web/package.json packages/web/package.json
COPY --from=client /app/packages/web/dist packages/web/dist
# The server writes only its data and Node's compile cache. 1000 is the user "node" of the image.
RUN mkdir -p /data node_modules/.cache && chown 1000:1000 /data node_modules/.cache

ENV NODE_ENV=production \
    PINCHWORK_HOST=0.0.0.0 \
    PINCHWORK_PORT=8000 \
    PINCHWORK_DATABASE_URL=/data/pinchwork.db
VOLUME /data
EXPOSE 8000
USER 1000:1000

# Checks that the process answers. It does not check the database (/health/ready does): a restart would not bring that back.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PINCHWORK_PORT}/health`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]

# Node itself is the first process, so that SIGTERM reaches it. Other commands: docker run … pinchwork backup /data/b.db
ENTRYPOINT ["node", "/app/packages/server/src/main.ts"]
CMD ["start"]
