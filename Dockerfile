# The image: the static binary and the few files that it reads, nothing else; no
# shell, no package manager. docs/operations.md says how to run it.
#   docker build --build-arg PAWL_VERSION=v1.2.3 --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) -t pawl .
FROM golang:1.26-bookworm AS build
ARG PAWL_VERSION
ARG SOURCE_DATE_EPOCH
ARG TARGETARCH
WORKDIR /src
COPY . .
RUN GOARCH=$TARGETARCH packaging/build /dist && packaging/image/rootfs /dist/pawl_linux_* /rootfs

FROM scratch
COPY --from=build /rootfs/ /
USER 65532:65532
ENV PAWL_DATA_DIR=/data PAWL_LISTEN=0.0.0.0:8080 PAWL_LOG_FORMAT=json
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=10s CMD ["/pawl", "health"]
ENTRYPOINT ["/pawl"]
CMD ["serve"]
