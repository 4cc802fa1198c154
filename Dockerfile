# One image for each binary: the binary, CA certificates and nothing else. The
# classic builder and BuildKit both build it.
#
# From source, the last stage:
#   docker build --build-arg BINARY=catalog --tag courseplatform/catalog .
# From a binary that is built already, with a context that holds only `rootfs`
# (e2e/cluster/images/build.sh makes one):
#   docker build --target prebuilt --build-arg BINARY=catalog --file Dockerfile <context>
#
# The binary lies at /<name>, as the operator's pod templates expect it. An exec
# form ENTRYPOINT takes no variables, so /entrypoint is a link to it.
ARG RUST_VERSION=1.95

# First, because the classic builder runs every stage above its target.
FROM scratch AS prebuilt
ARG BINARY
ARG VERSION=0.0.0
ARG REVISION=
LABEL org.opencontainers.image.title="${BINARY}" \
      org.opencontainers.image.description="Part of the course platform" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.url="https://courseplatform.dev" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY rootfs/ /
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
ENTRYPOINT ["/entrypoint"]

# One build of the workspace serves all images: BINARY comes after it.
FROM rust:${RUST_VERSION}-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --locked --release --bins
ARG BINARY
RUN mkdir -p /rootfs/etc/ssl/certs \
 && cp /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/ \
 && cp "target/x86_64-unknown-linux-gnu/release/${BINARY}" "/rootfs/${BINARY}" \
 && ln -s "${BINARY}" /rootfs/entrypoint

FROM scratch
ARG BINARY
ARG VERSION=0.0.0
ARG REVISION=
LABEL org.opencontainers.image.title="${BINARY}" \
      org.opencontainers.image.description="Part of the course platform" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.url="https://courseplatform.dev" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /rootfs/ /
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
ENTRYPOINT ["/entrypoint"]
