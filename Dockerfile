# Made as two stages: the result is one static binary and the certificates of certificate authorities.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /out/writegate ./cmd/writegate && mkdir /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/writegate /usr/local/bin/writegate
COPY --from=build --chown=65534:65534 /out/data /data
USER 65534:65534
WORKDIR /data
EXPOSE 6060 6061
ENTRYPOINT ["/usr/local/bin/writegate"]
CMD ["serve", "--config", "/etc/writegate/writegate.yaml"]
