# The server over a folder, or over S3 and DynamoDB, for HTTP and for RocketMQ's own clients:
#   docker build -t apogee . && docker run -p 8080:8080 -p 8081:8081 -v apogee:/data -e API_KEY=$(openssl rand -hex 32) apogee
FROM node:24-slim AS build
WORKDIR /apogee
COPY . .
# Its last step builds dist. Then only what an installed package needs is kept.
RUN npm ci --no-audit --no-fund && npm pack --ignore-scripts --pack-destination /package

FROM node:24-slim
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data GRPC=true LOG_FORMAT=json
COPY --from=build /package/*.tgz /package/apogee.tgz
RUN npm install --global --no-audit --no-fund --omit=dev /package/apogee.tgz \
    && npm cache clean --force && rm -rf /package \
    && mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT ?? 8080}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["apogee", "start"]
