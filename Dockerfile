# The image of both homes: `controller` in a cluster, `serve` as a whole control plane. docs/image.md
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
# a mirror of the npm registry; proxies come by HTTPS_PROXY, which every builder knows
ARG NPM_CONFIG_REGISTRY
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY .config .config
COPY src src
# a third of the packages is types and source maps, which nothing reads at run time
RUN npm run build \
  && npm prune --omit=dev --no-audit --no-fund \
  && find node_modules -type f \( -name '*.d.ts' -o -name '*.d.[cm]ts' -o -name '*.map' \) -delete

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title=hostler \
  org.opencontainers.image.description="Linux servers as Kubernetes resources, over SSH" \
  org.opencontainers.image.licenses=Apache-2.0
ENV NODE_ENV=production
WORKDIR /app
# a new volume of Docker takes owner and mode from what the image has in its place
RUN install -d -m 700 -o 10001 -g 10001 /var/lib/hostler && ln -s /app/dist/main.js /usr/local/bin/hostler
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
# a number, so that runAsNonRoot can be checked
USER 10001:10001
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["controller"]
