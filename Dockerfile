# The image multi-eni-cni: the two plugins, the agent, and what these need of a file system. `make image` makes the same one
# without a container tool.
#
#     docker build --tag multi-eni-cni:0.1.0 .
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN make image-tree TREE=/image

FROM scratch
COPY --from=build /image /
ENV PATH=/opt/cni/bin
LABEL org.opencontainers.image.title="multi-eni-cni"
LABEL org.opencontainers.image.licenses="Apache-2.0"
ENTRYPOINT ["/opt/cni/bin/multi-eni-agent"]
